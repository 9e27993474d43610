-- Finds series of the published forecast that do not have each rung exactly once or whose published
-- rung is not the forecast's method (of a cold start, none is), and series that are not forecast.
{{ config(tags=['data_product']) }}

with forecast as (

    select * from {{ ref('sales_forecast', v=1) }}

),

value_added as (

    select * from {{ ref('forecast_value_added', v=1) }}

),

series as (

    select distinct
        forecast_version,
        product_id,
        store_id,
        method
    from forecast

),

ladders as (

    select
        forecast_version,
        product_id,
        store_id,
        count(*) as row_count,
        count(distinct rung) as rungs,
        sum(published_series) as published_rungs,
        max(case when published_series = 1 then rung end) as published_rung
    from value_added
    where slice = 'series'
    group by forecast_version, product_id, store_id

)

select
    coalesce(series.product_id, ladders.product_id) as product_id,
    coalesce(series.store_id, ladders.store_id) as store_id,
    series.method,
    ladders.row_count,
    ladders.rungs,
    ladders.published_rung
from series
full outer join ladders
    on
        series.forecast_version = ladders.forecast_version
        and series.product_id = ladders.product_id
        and series.store_id = ladders.store_id
where
    nullif(series.method, 'cold_start') is distinct from ladders.published_rung
    or ladders.row_count != 4
    or ladders.rungs != 4
    or ladders.published_rungs != case when series.method = 'cold_start' then 0 else 1 end
