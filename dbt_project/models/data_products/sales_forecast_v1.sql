with ledger as (

    select * from {{ source('state', 'forecast_ledger') }}

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
        ledger.is_backfill
    from ledger
    inner join newest on ledger.forecast_version = newest.forecast_version

)

select * from forecast
