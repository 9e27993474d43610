{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_files_to_load('sales_events') }}",
) }}

with failed as (

    select * from {{ ref('sales_events_checked') }}
    where reason_code is not null

),

{% for name in sources_with('sales_events') -%}
{{ name }} as (

    select
        failed.file_id,
        failed.row_number,
        failed.known_on,
        failed.source,
        failed.reason_code,
        {{ original_values('lines') }} as original
    from {{ ref('stg_' ~ name ~ '__sales_events') }} as lines
    inner join failed
        on
            lines.file_id = failed.file_id
            and lines.row_number = failed.row_number

),

{% endfor -%}
with_originals as (

    {% for name in sources_with('sales_events') -%}
    select * from {{ name }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from with_originals
