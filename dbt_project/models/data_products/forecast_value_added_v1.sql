{#- The columns that tell the values of a slice apart, as in forecasting/value_added.py. -#}
{% set slices = {
    'series': ['product_id', 'store_id'],
    'overall': [],
    'category': ['category'],
    'store': ['store_id'],
    'region': ['region'],
} %}
{% set keys = ['product_id', 'store_id', 'category', 'region'] %}

with forecast as (

    select * from {{ ref('sales_forecast', v=1) }}

),

models as (

    select * from {{ source('state', 'model_versions') }}

),

ladders as (

    select * from {{ source('state', 'forecast_value_added') }}

),

rungs as (

    select named.rung
    from (
        values ('naive'), ('seasonal_naive'), ('weekday_average'), ('model')
    ) as named (rung)

),

series as (

    select distinct
        forecast_version,
        issued_at,
        cutoff_on,
        model_version,
        store_id,
        product_id,
        category,
        region,
        method
    from forecast

),

version as (

    select distinct
        forecast_version,
        issued_at,
        model_version
    from series

),

-- The baseline stands in for a model that failed its gate: the ladder is that model's.
judged as (

    select models.model_version
    from models
    cross join version
    where
        models.model_version = version.model_version
        or (not models.is_backfill and models.trained_at <= version.issued_at)
    order by
        models.model_version = version.model_version desc,
        models.trained_at desc,
        models.model_version desc
    limit 1

),

has_regions as (

    select bool_or(region != 'unknown') as is_so from series

),

-- What is forecast now: a series that the backtest did not know stands here without errors.
published as (

    {% for slice, key in slices.items() -%}
    select
        series.forecast_version,
        series.cutoff_on,
        series.model_version,
        '{{ slice }}' as slice,
        {%- for column in keys %}
        {{ 'series.' ~ column if column in key else 'cast(null as varchar) as ' ~ column }},
        {%- endfor %}
        rungs.rung,
        count(*) as series,
        count(case when series.method = rungs.rung then 1 end) as published_series
    from series
    cross join rungs
    {%- if slice == 'region' %}
    where (select has_regions.is_so from has_regions)
    {%- endif %}
    group by
        series.forecast_version,
        series.cutoff_on,
        series.model_version,
        {%- for column in key %}
        series.{{ column }},
        {%- endfor %}
        rungs.rung
    {%- if not loop.last %}
    union all
    {% endif %}
    {%- endfor %}

),

forecast_value_added as (

    select
        published.forecast_version,
        published.cutoff_on,
        published.slice,
        {%- for column in keys %}
        published.{{ column }},
        {%- endfor %}
        published.rung,
        published.series,
        published.published_series,
        coalesce(ladders.days, 0) as days,
        ladders.rmsse,
        ladders.mae,
        ladders.wape,
        ladders.bias,
        ladders.value_added,
        ladders.value_added_lower,
        ladders.value_added_upper,
        coalesce(judged.model_version, published.model_version) as model_version
    from published
    left join judged on true
    left join ladders
        on
            judged.model_version = ladders.model_version
            and published.slice = ladders.slice
            and published.rung = ladders.rung
            {%- for column in keys %}
            and published.{{ column }} is not distinct from ladders.{{ column }}
            {%- endfor %}

)

select * from forecast_value_added
