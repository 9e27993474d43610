with rows_of_sources as (

    {% for name in sources_with('stores') -%}
    select
        '{{ name }}' as source,
        {{ key_text('store_id') }} as store_id,
        cast(store_name as varchar) as store_name,
        cast(region as varchar) as region,
        cast(time_zone as varchar) as time_zone,
        known_on
    from {{ ref('stg_' ~ name ~ '__stores') }}
    {{ 'union all' if not loop.last }}
    {% else -%}
    select
        cast(null as varchar) as source,
        cast(null as varchar) as store_id,
        cast(null as varchar) as store_name,
        cast(null as varchar) as region,
        cast(null as varchar) as time_zone,
        cast(null as date) as known_on
    where false
    {%- endfor %}

),

ranked as (

    select
        *,
        min(known_on) over (partition by source, store_id) as listed_on,
        row_number() over (
            partition by source, store_id
            order by known_on desc, store_name asc, region asc, time_zone asc
        ) as position
    from rows_of_sources
    where store_id is not null

),

latest as (

    select
        ranked.source,
        ranked.store_id,
        ranked.store_name,
        ranked.region,
        ranked.time_zone as given_time_zone,
        time_zones.name as time_zone,
        ranked.known_on,
        ranked.listed_on
    from ranked
    left join {{ time_zone_names() }} as time_zones on ranked.time_zone = time_zones.name
    where ranked.position = 1

)

select * from latest
