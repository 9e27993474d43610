-- Finds rows of the forecast whose units are not explained, and explanations of other units.
{{ config(tags=['data_product']) }}

with forecast as (

    select * from {{ ref('sales_forecast', v=1) }}

),

explained as (

    select * from {{ ref('sales_forecast_explained', v=1) }}

),

versions as (

    select distinct forecast_version from forecast

),

explained_now as (

    select explained.*
    from explained
    inner join versions on explained.forecast_version = versions.forecast_version

)

select
    forecast.product_id,
    forecast.store_id,
    forecast.target_on,
    forecast.units_mean,
    explained_now.units_mean as explained_units_mean
from forecast
full outer join explained_now
    on
        forecast.forecast_version = explained_now.forecast_version
        and forecast.product_id = explained_now.product_id
        and forecast.store_id = explained_now.store_id
        and forecast.target_on = explained_now.target_on
where forecast.units_mean is distinct from explained_now.units_mean
