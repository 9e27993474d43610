{{ config(materialized='view') }}

with calendar as (

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

)

select * from calendar
