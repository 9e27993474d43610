with ledger as (

    select * from {{ source('state', 'forecast_ledger') }}

),

publications as (

    select * from {{ source('state', 'publications') }}

),

forecast as (

    select * from {{ ref('sales_forecast', v=1) }}

),

-- A version that was made but never published is nothing that anybody could have believed.
believed as (

    select forecast_version from publications
    union
    select forecast_version from forecast

),

history as (

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
        {{ ledger_method() }}
    from ledger
    left join believed on ledger.forecast_version = believed.forecast_version
    where ledger.is_backfill or believed.forecast_version is not null

)

select * from history
