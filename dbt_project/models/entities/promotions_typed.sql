{{ config(materialized='view') }}

with rows_of_sources as (

    {% for name in sources_with('promotions') -%}
    select
        '{{ name }}' as source,
        file_id,
        row_number,
        known_on,
        {{ key_text('product_id') }} as product_id,
        {{ key_text('store_id') }} as store_id,
        cast(promotion_kind as varchar) as promotion_kind,
        cast(share as double) as share,
        try_cast(starts_on as date) as starts_on,
        try_cast(ends_on as date) as ends_on
    from {{ ref('stg_' ~ name ~ '__promotions') }}
    {{ 'union all' if not loop.last }}
    {% else -%}
    select
        cast(null as varchar) as source,
        cast(null as bigint) as file_id,
        cast(null as bigint) as row_number,
        cast(null as date) as known_on,
        cast(null as varchar) as product_id,
        cast(null as varchar) as store_id,
        cast(null as varchar) as promotion_kind,
        cast(null as double) as share,
        cast(null as date) as starts_on,
        cast(null as date) as ends_on
    where false
    {%- endfor %}

)

select * from rows_of_sources
