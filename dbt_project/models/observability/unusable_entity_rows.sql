with
{% for name in sources_with('products') %}
{{ name }}_products as (

    select
        '{{ name }}' as source,
        'products' as entity,
        'missing_product_id' as reason_code,
        known_on
    from {{ ref('stg_' ~ name ~ '__products') }}
    where {{ key_text('product_id') }} is null

),
{% endfor %}
{%- for name in sources_with('stores') %}
{{ name }}_stores as (

    select
        '{{ name }}' as source,
        'stores' as entity,
        'missing_store_id' as reason_code,
        known_on
    from {{ ref('stg_' ~ name ~ '__stores') }}
    where {{ key_text('store_id') }} is null

),
{% endfor %}
promotions as (

    select
        source,
        'promotions' as entity,
        reason_code,
        known_on
    from {{ ref('promotions_decided') }}
    where reason_code is not null

),

stores as (

    select
        source,
        'stores' as entity,
        'unknown_time_zone' as reason_code,
        known_on
    from {{ ref('stores_declared') }}
    where given_time_zone is not null and time_zone is null

),

unusable as (

    select * from promotions
    union all
    select * from stores
    {%- for name in sources_with('products') %}
    union all
    select * from {{ name }}_products
    {%- endfor %}
    {%- for name in sources_with('stores') %}
    union all
    select * from {{ name }}_stores
    {%- endfor %}

),

by_reason as (

    select
        source,
        entity,
        reason_code,
        count(*) as row_count,
        min(known_on) as first_known_on,
        max(known_on) as last_known_on
    from unusable
    group by 1, 2, 3

)

select * from by_reason
