{{ config(materialized='view') }}

with declared_sources as (

    {% for name in var('sources') | sort -%}
    {%- set rules = declared(name) -%}
    select
        '{{ name }}' as source,
        '{{ rules.country }}' as country,
        '{{ rules.time_zone }}' as time_zone,
        {{ "'" ~ rules.currency ~ "'" if rules.currency else 'cast(null as varchar)' }} as currency,
        '{{ rules.measure }}' as measure,
        '{{ rules.unit }}' as unit,
        '{{ rules.corrections }}' as corrections,
        '{{ rules.open_days }}' as open_days,
        '{{ rules.origin_weekday }}' as origin_weekday,
        cast({{ rules.quantity_bounds[0] }} as decimal(18, 4)) as lowest_quantity,
        cast({{ rules.quantity_bounds[1] }} as decimal(18, 4)) as highest_quantity,
        cast({{ rules.unit_price_bounds[0] }} as decimal(18, 4)) as lowest_unit_price,
        cast({{ rules.unit_price_bounds[1] }} as decimal(18, 4)) as highest_unit_price,
        cast({{ rules.min_weeks_sold_share }} as decimal(5, 4)) as min_weeks_sold_share,
        cast({{ rules.new_weeks }} as integer) as new_weeks,
        cast({{ rules.horizon_days }} as integer) as horizon_days,
        cast({{ rules.history_days }} as integer) as history_days,
        cast({{ rules.promotions_known_ahead_days }} as integer) as promotions_known_ahead_days,
        {{ is_deployed(name, 'products') | lower }} as has_products,
        {{ is_deployed(name, 'stores') | lower }} as has_stores,
        date '{{ rules.starts_on }}' as starts_on
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from declared_sources
