-- Finds the versions of the published forecast when it mixes several of them.
{{ config(tags=['data_product']) }}

with versions as (

    select distinct
        forecast_version,
        cutoff_on,
        issued_at
    from {{ ref('sales_forecast', v=1) }}

),

counted as (

    select
        forecast_version,
        cutoff_on,
        issued_at,
        count(*) over () as version_count
    from versions

)

select
    forecast_version,
    cutoff_on,
    issued_at
from counted
where version_count > 1
