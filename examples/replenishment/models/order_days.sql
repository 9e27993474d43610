-- Each series with the rule it is ordered by, and the days it is ordered on: from the first day of
-- the forecast every review_days, as long as the forecast covers what an order has to last for.
with

forecast as (

    select * from {{ source('sales', 'sales_forecast_v1') }}

),

rules as (

    select * from {{ ref('ordering_rules') }}

),

series as (

    select
        product_id,
        store_id,
        category,
        department,
        forecast_version,
        cutoff_on,
        max(horizon_days) as last_horizon
    from forecast
    group by all

),

ruled as (

    select
        series.*,
        rules.service_level,
        rules.lead_days,
        rules.review_days,
        rules.pack_size,
        rules.stock_days
    from series
    inner join rules
        on
            rules.department in (series.department, '*')
            and rules.category in (series.category, '*')
    qualify row_number() over (
        partition by series.product_id, series.store_id
        order by rules.category = '*', rules.department = '*'
    ) = 1

),

order_days as (

    select
        * exclude (last_horizon),
        cast(
            unnest(range(1, last_horizon - lead_days - review_days + 2, review_days)) as integer
        ) as order_horizon
    from ruled

)

select * from order_days
