with rows_of_sources as (

    {% for name in sources_with('products') -%}
    select
        '{{ name }}' as source,
        {{ key_text('product_id') }} as product_id,
        cast(product_name as varchar) as product_name,
        cast(category as varchar) as category,
        cast(department as varchar) as department,
        known_on
    from {{ ref('stg_' ~ name ~ '__products') }}
    {{ 'union all' if not loop.last }}
    {% else -%}
    select
        cast(null as varchar) as source,
        cast(null as varchar) as product_id,
        cast(null as varchar) as product_name,
        cast(null as varchar) as category,
        cast(null as varchar) as department,
        cast(null as date) as known_on
    where false
    {%- endfor %}

),

ranked as (

    select
        *,
        min(known_on) over (partition by source, product_id) as listed_on,
        row_number() over (
            partition by source, product_id
            order by known_on desc, product_name asc, category asc, department asc
        ) as position
    from rows_of_sources
    where product_id is not null

),

latest as (

    select
        source,
        product_id,
        product_name,
        category,
        department,
        known_on,
        listed_on
    from ranked
    where position = 1

)

select * from latest
