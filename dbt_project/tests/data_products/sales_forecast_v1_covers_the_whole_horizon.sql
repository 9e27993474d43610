-- Finds series of the published forecast that lack a target day of the horizon or have one twice.
{{ config(tags=['data_product']) }}

with forecast as (

    select * from {{ ref('sales_forecast', v=1) }}

),

horizon as (

    select max(horizon_days) as horizon_days from forecast

),

series as (

    select
        product_id,
        store_id,
        count(*) as day_count,
        count(distinct horizon_days) as distinct_day_count
    from forecast
    group by product_id, store_id

)

select
    series.product_id,
    series.store_id,
    series.day_count,
    series.distinct_day_count,
    horizon.horizon_days
from series
cross join horizon
where
    series.day_count != horizon.horizon_days
    or series.distinct_day_count != horizon.horizon_days
