-- Finds totals that are not the exact sum of their series, stand there twice or are missing.
{{ config(tags=['data_product']) }}

{% set columns %}
        level,
        forecast_version,
        cutoff_on,
        target_on,
        store_id,
        region,
        category,
        department,
        series,
        units_mean
{%- endset %}

with forecast as (

    select * from {{ ref('sales_forecast', v=1) }}

),

totals as (

    select * from {{ ref('sales_forecast_totals', v=1) }}

),

found_levels as (

    select distinct level from totals

),

expected as (

    -- three levels are always there, the others where they say something more
    {% for level, key in {
        'overall': [],
        'category': ['category'],
        'store': ['store_id'],
        'department': ['department'],
        'region': ['region'],
        'store_category': ['store_id', 'category'],
    }.items() -%}
    select
        '{{ level }}' as level,
        forecast_version,
        cutoff_on,
        target_on,
        {%- for column in ['store_id', 'region', 'category', 'department'] %}
        {{ column if column in key else 'cast(null as varchar) as ' ~ column }},
        {%- endfor %}
        count(*) as series,
        cast(sum(units_mean) as decimal(18, 4)) as units_mean
    from forecast
    {%- if loop.index > 3 %}
    where '{{ level }}' in (select found_levels.level from found_levels)
    {%- endif %}
    group by {{ (['forecast_version', 'cutoff_on', 'target_on'] + key) | join(', ') }}
    {%- if not loop.last %}
    union all
    {% endif %}
    {%- endfor %}

),

missing as (

    select
        {{- columns }}
    from expected
    except all
    select
        {{- columns }}
    from totals

),

unexpected as (

    select
        {{- columns }}
    from totals
    except all
    select
        {{- columns }}
    from expected

)

select
    'missing' as problem,
    {{- columns }}
from missing
union all
select
    'unexpected' as problem,
    {{- columns }}
from unexpected
