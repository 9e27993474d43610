{{ config(materialized='view') }}

{% set base_features = [
    'f_promo_uplift',
    'f_residual_28',
    'f_residual_84',
    'f_residual_product_28',
    'f_residual_product_84',
    'f_residual_weekday',
    'f_residual_promoted',
    'f_residual_unpromoted',
] %}
{% set base_day_features = [
    'f_residual_special',
    'f_residual_easter',
    'f_residual_product_easter',
    'f_residual_last_year',
    'f_residual_product_last_year',
    'f_residual_product_last_year_day',
] %}
{% set level_features = [
    'f_mean_7',
    'f_mean_14',
    'f_mean_28',
    'f_mean_56',
    'f_mean_140',
    'f_mean_364',
    'f_sold_share_28',
    'f_sold_share_140',
    'f_sold_share_364',
    'f_deviation_28',
    'f_deviation_140',
    'f_trend',
    'f_sale_interval',
    'f_sale_variation',
    'f_days_since_last_sale',
    'f_age_days',
    'f_price_28',
    'f_price_140',
    'f_price_ratio',
] %}

{#- what the situation of the target day did at each level -#}
{% set situations = {
    'series': ['event', 'frequent', 'month_day'],
    'product_region': ['event', 'frequent', 'month_day'],
    'store': ['event'],
    'product': ['event', 'month_day'],
    'source': ['event'],
} %}
{% set levels_of_day_season = ['product_region', 'product', 'source'] %}
{% set place_columns = {'store': 'store_id', 'region': 'region', 'source': 'place_source'} %}

with origins as (

    select * from {{ ref('forecast_origins') }}

),

forecast_series as (

    select * from {{ ref('forecast_series') }}

),

products as (

    select * from {{ ref('dim_product') }}

),

rules as (

    select * from {{ ref('declared_sources') }}

),

store_calendar as (

    select * from {{ ref('store_calendar') }}

),

covered_days as (

    select * from {{ ref('promotion_plans_covered') }}

),

store_places as (

    select * from {{ ref('store_places') }}

),

feat_situation as (

    select * from {{ ref('feat_situation') }}

),

feat_last_years as (

    select * from {{ ref('feat_last_years') }}

),

feat_series as (

    select * from {{ ref('feat_series') }}

),

feat_cold_start as (

    select * from {{ ref('feat_cold_start') }}

),

feat_weekday as (

    select * from {{ ref('feat_weekday') }}

),

feat_week_shape as (

    select * from {{ ref('feat_week_shape') }}

),

feat_calendar as (

    select * from {{ ref('feat_calendar') }}

),

feat_last_year as (

    select * from {{ ref('feat_last_year') }}

),

feat_closed_days as (

    select * from {{ ref('feat_closed_days') }}

),

feat_promotion as (

    select * from {{ ref('feat_promotion') }}

),

feat_promotion_history as (

    select * from {{ ref('feat_promotion_history') }}

),

feat_base as (

    select * from {{ ref('feat_base') }}

),

feat_base_day as (

    select * from {{ ref('feat_base_day') }}

),

spans as (

    select
        cutoff_on,
        cutoff_on + 1 as first_day,
        cutoff_on + horizon_days as last_day
    from origins

),

target_days as (

    {{ days_between('spans', ['cutoff_on', 'last_day'], 'first_day', 'last_day', 'target_on') }}

),

targets as (

    select
        cutoff_on,
        target_on,
        last_day as last_target_on,
        {{ feature_weekday('target_on') }} as weekday,
        cast({{ feature_days_between('cutoff_on', 'target_on') }} as smallint) as horizon_days
    from target_days

),

series_weekdays as (

    -- what does not depend on the target day but by its weekday: a quarter of the rows to join
    select
        feat_weekday.cutoff_on,
        feat_weekday.series_number,
        feat_weekday.product_id,
        feat_weekday.store_id,
        feat_weekday.weekday,
        feat_weekday.baseline_units,
        forecast_series.source,
        forecast_series.is_new,
        rules.country,
        store_places.region,
        store_places.source as place_source,
        {%- for level in feature_levels() %}
        {%- for year in [1, 2, 3] %}
        {{ level.name }}_years.month_units_{{ year }} as {{ level.name }}_month_{{ year }},
        {%- endfor %}
        {%- endfor %}
        feat_series.rmsse_scale,
        feat_series.naive_units,
        feat_cold_start.cold_start_mean * coalesce(
            case
                when feat_cold_start.is_product_week_known then product_week.weekday_ratio
                else store_week.weekday_ratio
            end,
            1
        ) as cold_start_units,
        feat_cold_start.cold_start_stratum,
        {%- for column in level_features %}
        feat_series.{{ column }},
        {%- endfor %}
        {%- for week in [4, 8, 20] %}
        coalesce(feat_weekday.f_weekday_mean_{{ week }}, feat_series.f_mean_364)
            as f_weekday_mean_{{ week }},
        {%- endfor %}
        feat_promotion_history.f_promoted_share_28,
        feat_promotion_history.f_promoted_share_140,
        feat_promotion_history.f_promoted_mean_140,
        feat_promotion_history.f_unpromoted_mean_140,
        feat_base.promoted_log_base,
        feat_base.unpromoted_log_base,
        feat_base.mixed_log_base,
        {%- for column in base_features %}
        feat_base.{{ column }},
        {%- endfor %}
        coalesce(products.category, 'unknown') as category
    from feat_weekday
    inner join forecast_series
        on
            feat_weekday.cutoff_on = forecast_series.cutoff_on
            and feat_weekday.series_number = forecast_series.series_number
    inner join rules on forecast_series.source = rules.source
    inner join feat_cold_start
        on
            feat_weekday.cutoff_on = feat_cold_start.cutoff_on
            and feat_weekday.series_number = feat_cold_start.series_number
    left join feat_series
        on
            feat_weekday.cutoff_on = feat_series.cutoff_on
            and feat_weekday.series_number = feat_series.series_number
    left join feat_promotion_history
        on
            feat_weekday.cutoff_on = feat_promotion_history.cutoff_on
            and feat_weekday.series_number = feat_promotion_history.series_number
    left join feat_base
        on
            feat_weekday.cutoff_on = feat_base.cutoff_on
            and feat_weekday.series_number = feat_base.series_number
            and feat_weekday.weekday = feat_base.weekday
    left join products on feat_weekday.product_id = products.product_id
    {%- for level in ['product', 'store'] %}
    left join feat_week_shape as {{ level }}_week
        on
            {{ level }}_week.level = '{{ level }}'
            and feat_weekday.cutoff_on = {{ level }}_week.cutoff_on
            and feat_weekday.{{ level }}_id = {{ level }}_week.id
            and feat_weekday.weekday = {{ level }}_week.weekday
    {%- endfor %}
    left join store_places on feat_weekday.store_id = store_places.store_id
    {%- for level in feature_levels() %}
    left join feat_last_years as {{ level.name }}_years
        on
            {{ level.name }}_years.level = '{{ level.name }}'
            and {{ 'feat_weekday.product_id' if level.by_product else "''" }}
            = {{ level.name }}_years.product_id
            and store_places.{{ level.place if level.place != 'store' else 'store_id' }}
            = {{ level.name }}_years.place
            and feat_weekday.cutoff_on = {{ level.name }}_years.cutoff_on
    {%- endfor %}

),

forecast_frame as (

    select
        ---------- ids
        series_weekdays.product_id,
        series_weekdays.store_id,
        series_weekdays.source,

        ---------- text
        series_weekdays.category,

        ---------- numerics
        targets.horizon_days,
        series_weekdays.rmsse_scale,
        series_weekdays.naive_units,
        series_weekdays.baseline_units,
        series_weekdays.cold_start_units,
        series_weekdays.cold_start_stratum,

        ---------- booleans
        series_weekdays.is_new,
        coalesce(own_calendar.is_open, chain_calendar.is_open) as is_open,

        ---------- features of the series
        {%- for column in level_features %}
        series_weekdays.{{ column }},
        {%- endfor %}
        series_weekdays.f_weekday_mean_4,
        series_weekdays.f_weekday_mean_8,
        series_weekdays.f_weekday_mean_20,
        feat_last_year.f_last_year_mean,
        feat_last_year.f_last_year_product_change,
        series_weekdays.f_promoted_share_28,
        series_weekdays.f_promoted_share_140,
        series_weekdays.f_promoted_mean_140,
        series_weekdays.f_unpromoted_mean_140,

        {%- for column in base_features %}
        series_weekdays.{{ column }},
        {%- endfor %}
        cast(exp(
            case
                when covered_days.day_on is null then series_weekdays.mixed_log_base
                when feat_promotion.f_promo_plan_share >= 0.5
                    then series_weekdays.promoted_log_base
                else series_weekdays.unpromoted_log_base
            end + coalesce(feat_base_day.log_effect, 0)
        ) as float) as f_base,
        {%- for column in base_day_features %}
        feat_base_day.{{ column }},
        {%- endfor %}

        ---------- features of the situation and of the season
        {%- for level in feature_levels() %}
        {%- for situation in situations[level.name] %}
        {{ level.name }}_day.{{ situation }}_ratio as f_{{ situation }}_{{ level.name }},
        {%- endfor %}
        {{ feature_season(level.name, 'week') }} as f_season_{{ level.name }},
        {%- if level.name in levels_of_day_season %}
        {{ feature_season(level.name, 'day') }} as f_day_season_{{ level.name }},
        {%- endif %}
        {%- endfor %}
        store_day.event_offset as f_event_offset,

        ---------- features of the target day
        feat_calendar.f_weekday,
        feat_calendar.f_day_of_month,
        feat_calendar.f_month,
        feat_calendar.f_week_of_year,
        feat_calendar.f_is_holiday,
        feat_calendar.f_days_to_holiday,
        feat_calendar.f_days_since_holiday,
        feat_closed_days.f_days_since_closed,
        case
            when
                feat_closed_days.next_closed_known_on <= targets.cutoff_on
                and feat_closed_days.next_closed_on <= targets.last_target_on
                then feat_closed_days.f_days_to_closed
        end as f_days_to_closed,
        {%- for column in ['f_promo_plan_share', 'f_promo_plan_display', 'f_promo_plan_mailer'] %}
        case
            when covered_days.day_on is not null then coalesce(feat_promotion.{{ column }}, 0)
        end as {{ column }},
        {%- endfor %}

        ---------- dates
        series_weekdays.cutoff_on,
        targets.target_on
    from series_weekdays
    inner join targets
        on
            series_weekdays.cutoff_on = targets.cutoff_on
            and series_weekdays.weekday = targets.weekday
    left join feat_calendar
        on
            series_weekdays.country = feat_calendar.country
            and targets.target_on = feat_calendar.target_on
    {%- for level in feature_levels() %}
    left join feat_situation as {{ level.name }}_day
        on
            {{ level.name }}_day.level = '{{ level.name }}'
            and {{ 'series_weekdays.product_id' if level.by_product else "''" }}
            = {{ level.name }}_day.product_id
            and series_weekdays.{{ place_columns[level.place] }} = {{ level.name }}_day.place
            and targets.target_on = {{ level.name }}_day.target_on
    {%- endfor %}
    left join feat_last_year
        on
            series_weekdays.cutoff_on = feat_last_year.cutoff_on
            and series_weekdays.series_number = feat_last_year.series_number
            and targets.target_on = feat_last_year.target_on
    left join feat_base_day
        on
            series_weekdays.cutoff_on = feat_base_day.cutoff_on
            and series_weekdays.series_number = feat_base_day.series_number
            and targets.target_on = feat_base_day.target_on
    left join feat_promotion
        on
            series_weekdays.cutoff_on = feat_promotion.cutoff_on
            and series_weekdays.series_number = feat_promotion.series_number
            and targets.target_on = feat_promotion.target_on
    left join covered_days
        on
            series_weekdays.source = covered_days.source
            and targets.target_on = covered_days.day_on
            and targets.cutoff_on >= covered_days.known_on
    left join feat_closed_days
        on
            series_weekdays.source = feat_closed_days.source
            and series_weekdays.store_id = feat_closed_days.store_id
            and targets.target_on = feat_closed_days.target_on
            and targets.cutoff_on >= feat_closed_days.known_on
    left join store_calendar as own_calendar
        on
            series_weekdays.source = own_calendar.source
            and series_weekdays.store_id = own_calendar.store_id
            and targets.target_on = own_calendar.day_on
            and targets.cutoff_on >= own_calendar.known_on
    left join store_calendar as chain_calendar
        on
            series_weekdays.source = chain_calendar.source
            and chain_calendar.store_id is null
            and targets.target_on = chain_calendar.day_on
            and targets.cutoff_on >= chain_calendar.known_on

)

select * from forecast_frame
