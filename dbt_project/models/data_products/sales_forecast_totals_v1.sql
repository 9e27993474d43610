{{ config(materialized='table') }}

{% set version = [
    'forecast_version', 'issued_at', 'cutoff_on', 'model_version', 'target_on', 'horizon_days'
] %}

{#- The columns that tell the totals of a level apart, and when the level says something: one that
    no source declares, or whose products are the categories, would repeat another one. -#}
{% set levels = {
    'overall': {'key': []},
    'category': {'key': ['category']},
    'department': {'key': ['department'], 'if': 'has_departments'},
    'region': {'key': ['region'], 'if': 'has_regions'},
    'store': {'key': ['store_id']},
    'store_category': {'key': ['store_id', 'category'], 'if': 'has_finer_products'},
} %}

with forecast as (

    select * from {{ ref('sales_forecast', v=1) }}

),

products_by_category as (

    select
        store_id,
        category,
        count(distinct product_id) as product_count
    from forecast
    group by store_id, category

),

has_departments as (

    select bool_or(department != 'unknown') as is_so from forecast

),

has_regions as (

    select bool_or(region != 'unknown') as is_so from forecast

),

has_finer_products as (

    select bool_or(product_count > 1) as is_so from products_by_category

),

{% for level, declared in levels.items() -%}
{{ level }}_totals as (

    select
        {%- for column in version %}
        {{ column }},
        {%- endfor %}
        '{{ level }}' as level,
        {%- for column in ['store_id', 'region', 'category', 'department'] %}
        {{ column if column in declared.key else 'cast(null as varchar) as ' ~ column }},
        {%- endfor %}
        count(*) as series,
        sum(units_mean) as units_mean,
        {{ ordered_path_sums('units_paths') }} as ordered_sums
    from forecast
    {%- if declared.if %}
    where (select {{ declared.if }}.is_so from {{ declared.if }})
    {%- endif %}
    group by {{ (version + declared.key) | join(', ') }}

),

{% endfor -%}
all_totals as (

    {% for level in levels -%}
    select * from {{ level }}_totals
    {%- if not loop.last %}
    union all
    {% endif %}
    {%- endfor %}

),

intervals as (

    select
        * exclude (ordered_sums),
        {{ interval_of_sums('ordered_sums', 0.95) }} as interval_95,
        {{ interval_of_sums('ordered_sums', 0.8) }} as interval_80,
        {{ interval_of_sums('ordered_sums', 0) }} as interval_0
    from all_totals

),

totals as (

    select
        forecast_version,
        issued_at,
        cutoff_on,
        target_on,
        horizon_days,
        level,
        store_id,
        region,
        category,
        department,
        series,
        cast(units_mean as decimal(18, 4)) as units_mean,
        cast(struct_extract(interval_95, 'lower') as decimal(18, 4)) as units_p025,
        cast(struct_extract(interval_80, 'lower') as decimal(18, 4)) as units_p10,
        cast(struct_extract(interval_0, 'lower') as decimal(18, 4)) as units_p50,
        cast(struct_extract(interval_80, 'upper') as decimal(18, 4)) as units_p90,
        cast(struct_extract(interval_95, 'upper') as decimal(18, 4)) as units_p975,
        model_version
    from intervals

)

select * from totals
