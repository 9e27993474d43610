{{ config(materialized='view') }}

with origins as (

    select * from {{ ref('forecast_origins') }}

),

forecast_series as (

    select * from {{ ref('forecast_series') }}

),

products as (

    select * from {{ ref('dim_product') }}

),

stores as (

    select * from {{ ref('dim_store') }}

),

store_calendar as (

    select * from {{ ref('store_calendar') }}

),

covered_days as (

    select * from {{ ref('promotion_plans_covered') }}

),

feat_series as (

    select * from {{ ref('feat_series') }}

),

feat_weekday as (

    select * from {{ ref('feat_weekday') }}

),

feat_product as (

    select * from {{ ref('feat_product') }}

),

feat_store as (

    select * from {{ ref('feat_store') }}

),

feat_department as (

    select * from {{ ref('feat_department') }}

),

feat_calendar as (

    select * from {{ ref('feat_calendar') }}

),

feat_last_year as (

    select * from {{ ref('feat_last_year') }}

),

feat_promotion as (

    select * from {{ ref('feat_promotion') }}

),

spans as (

    select
        cutoff_on,
        cutoff_on + 1 as first_day,
        cutoff_on + horizon_days as last_day
    from origins

),

target_days as (

    {{ days_between('spans', ['cutoff_on'], 'first_day', 'last_day', 'target_on') }}

),

targets as (

    select
        cutoff_on,
        target_on,
        {{ feature_weekday('target_on') }} as weekday,
        cast({{ feature_days_between('cutoff_on', 'target_on') }} as smallint) as horizon_days
    from target_days

),

series_weekdays as (

    select
        forecast_series.cutoff_on,
        forecast_series.series_number,
        forecast_series.product_id,
        forecast_series.store_id,
        forecast_series.source,
        coalesce(products.category, 'unknown') as category,
        coalesce(products.department, 'unknown') as department,
        stores.country,
        feat_weekday.weekday,
        feat_weekday.last_units,
        feat_series.* exclude (
            cutoff_on, series_number, product_id, store_id, units_28, units_140, open_days_28, open_days_140
        ),
        feat_weekday.f_weekday_mean_4,
        feat_weekday.f_weekday_mean_8,
        feat_weekday.f_weekday_mean_20,
        feat_product.f_product_mean_28,
        feat_product.f_product_trend,
        feat_product.f_product_weekday,
        feat_store.f_store_mean_28,
        feat_store.f_store_trend,
        feat_store.f_store_weekday,
        feat_department.f_department_mean_28,
        feat_department.f_department_trend
    from feat_weekday
    inner join forecast_series
        on
            feat_weekday.cutoff_on = forecast_series.cutoff_on
            and feat_weekday.series_number = forecast_series.series_number
    inner join feat_series
        on
            feat_weekday.cutoff_on = feat_series.cutoff_on
            and feat_weekday.series_number = feat_series.series_number
    left join products on feat_weekday.product_id = products.product_id
    left join stores on feat_weekday.store_id = stores.store_id
    left join feat_product
        on
            feat_weekday.cutoff_on = feat_product.cutoff_on
            and feat_weekday.product_id = feat_product.product_id
            and feat_weekday.weekday = feat_product.weekday
    left join feat_store
        on
            feat_weekday.cutoff_on = feat_store.cutoff_on
            and feat_weekday.store_id = feat_store.store_id
            and feat_weekday.weekday = feat_store.weekday
    left join feat_department
        on
            feat_weekday.cutoff_on = feat_department.cutoff_on
            and feat_weekday.store_id = feat_department.store_id
            and coalesce(products.department, 'unknown') = feat_department.department

)
select
    series_weekdays.* exclude (series_number, country, weekday, last_units),
    series_weekdays.last_units::double as baseline_units,
    targets.target_on,
    targets.horizon_days,
    null::boolean as is_open,
    feat_calendar.* exclude (country, target_on),
    feat_last_year.f_last_year_mean,
    feat_last_year.f_last_year_product_change,
    case when covered_days.source is not null then coalesce(feat_promotion.f_promo_plan_share, 0) end as f_promo_plan_share,
    case when covered_days.source is not null then coalesce(feat_promotion.f_promo_plan_display, 0) end as f_promo_plan_display,
    case when covered_days.source is not null then coalesce(feat_promotion.f_promo_plan_mailer, 0) end as f_promo_plan_mailer
from series_weekdays
inner join targets on series_weekdays.cutoff_on = targets.cutoff_on and series_weekdays.weekday = targets.weekday
left join feat_calendar on series_weekdays.country = feat_calendar.country and targets.target_on = feat_calendar.target_on
left join covered_days on series_weekdays.source = covered_days.source and targets.target_on = covered_days.day_on and targets.cutoff_on >= covered_days.known_on
left join feat_last_year on series_weekdays.cutoff_on = feat_last_year.cutoff_on and series_weekdays.series_number = feat_last_year.series_number and targets.target_on = feat_last_year.target_on
left join feat_promotion on series_weekdays.cutoff_on = feat_promotion.cutoff_on and series_weekdays.series_number = feat_promotion.series_number and targets.target_on = feat_promotion.target_on
