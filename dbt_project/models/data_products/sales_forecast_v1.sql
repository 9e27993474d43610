with ledger as (

    select * from {{ source('state', 'forecast_ledger') }}

),

paths as (

    select * from {{ source('state', 'forecast_paths') }}

),

products as (

    select * from {{ ref('dim_product') }}

),

stores as (

    select * from {{ ref('dim_store') }}

),

-- What we believe now: the newest forecast of the newest cutoff. A backfill tells what would have
-- been believed in the past, so it is history only.
newest as (

    select forecast_version
    from ledger
    where not is_backfill
    order by cutoff_on desc, forecast_version desc
    limit 1

),

forecast as (

    select
        ledger.forecast_version,
        ledger.issued_at,
        ledger.cutoff_on,
        ledger.target_on,
        ledger.horizon_days,
        ledger.store_id,
        ledger.product_id,
        ledger.units_mean,
        ledger.units_p025,
        ledger.units_p10,
        ledger.units_p50,
        ledger.units_p90,
        ledger.units_p975,
        ledger.model_version,
        ledger.is_fallback,
        ledger.is_backfill,
        paths.units_paths,
        coalesce(products.category, 'unknown') as category,
        coalesce(products.department, 'unknown') as department,
        coalesce(stores.region, 'unknown') as region,
        {{ ledger_method() }}
    from ledger
    inner join newest on ledger.forecast_version = newest.forecast_version
    left join paths
        on
            ledger.forecast_version = paths.forecast_version
            and ledger.store_id = paths.store_id
            and ledger.product_id = paths.product_id
            and ledger.target_on = paths.target_on
    left join products on ledger.product_id = products.product_id
    left join stores on ledger.store_id = stores.store_id

)

select * from forecast
