with rows_of_sources as (

    {% for name in sources_with('calendar') -%}
    select
        '{{ name }}' as source,
        {{ key_text('store_id') }} as store_id,
        try_cast(day_on as date) as day_on,
        try_cast(is_open as boolean) as is_open,
        {{ key_text('event_name') }} as event_name,
        known_on
    from {{ ref('stg_' ~ name ~ '__calendar') }}
    {{ 'union all' if not loop.last }}
    {% else -%}
    select
        cast(null as varchar) as source,
        cast(null as varchar) as store_id,
        cast(null as date) as day_on,
        cast(null as boolean) as is_open,
        cast(null as varchar) as event_name,
        cast(null as date) as known_on
    where false
    {%- endfor %}

),

ranked as (

    -- the first word about a day is kept, so that a past cutoff always sees what it saw
    select
        *,
        row_number() over (
            partition by source, store_id, day_on
            order by known_on asc, is_open desc, event_name asc
        ) as position
    from rows_of_sources
    where day_on is not null

),

first_words as (

    select
        source,
        store_id,
        day_on,
        is_open,
        event_name,
        known_on
    from ranked
    where position = 1

)

select * from first_words
