with explanations as (

    select * from {{ source('state', 'forecast_explanations') }}

),

history as (

    select * from {{ ref('sales_forecast_history', v=1) }}

),

published as (

    select distinct forecast_version from history

),

explained as (

    select
        explanations.forecast_version,
        explanations.cutoff_on,
        explanations.target_on,
        explanations.horizon_days,
        explanations.store_id,
        explanations.product_id,
        explanations.units_mean,
        explanations.units_base,
        explanations.units_level,
        explanations.units_season,
        explanations.units_trend,
        explanations.units_calendar,
        explanations.units_promotion,
        explanations.units_price,
        explanations.units_store,
        explanations.units_product,
        explanations.explained_by,
        explanations.model_version,
        explanations.is_backfill
    from explanations
    inner join published on explanations.forecast_version = published.forecast_version

)

select * from explained
