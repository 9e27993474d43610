{% set weeks_before_first_origin = 8 %}

with changes as (

    select * from {{ ref('daily_sales_changes') }}

),

declared_sources as (

    select * from {{ ref('declared_sources') }}

),

scope as (

    -- sources of one deployment agree on horizon and weekday
    select
        max(horizon_days) as horizon_days,
        max(history_days) as history_days,
        {{ feature_grid_epoch('min(origin_weekday)') }} as grid_starts_on
    from declared_sources

),

known_days as (

    select
        known_on,
        min(sold_on) as first_sold_on
    from changes
    group by known_on

),

latest as (

    select max(known_on) as cutoff_on
    from known_days

),

history as (

    select
        latest.cutoff_on - scope.history_days + 1 as first_day,
        latest.cutoff_on as last_day
    from latest
    cross join scope

),

candidates as (

    {{ days_between('history', [], 'first_day', 'last_day', 'cutoff_on') }}

),

with_history as (

    select
        candidates.cutoff_on,
        min(known_days.first_sold_on) as first_sold_on
    from candidates
    inner join known_days on candidates.cutoff_on >= known_days.known_on
    group by candidates.cutoff_on

),

flagged as (

    select
        with_history.cutoff_on,
        with_history.first_sold_on,
        scope.horizon_days,
        with_history.cutoff_on = latest.cutoff_on as is_latest,
        mod({{ feature_days_between('scope.grid_starts_on', 'with_history.cutoff_on') }}, 7) = 0
            as is_weekly,
        with_history.cutoff_on + scope.horizon_days <= latest.cutoff_on as has_full_horizon,
        mod(
            {{ feature_days_between('scope.grid_starts_on', 'with_history.cutoff_on') }},
            cast(7 * ceil(scope.horizon_days / 7.0) as integer)
        ) = 0 as is_backtest_grid
    from with_history
    cross join latest
    cross join scope

),

forecast_origins as (

    select
        cutoff_on,
        horizon_days,
        is_latest,
        is_weekly,
        has_full_horizon,
        is_backtest_grid
    from flagged
    where
        is_latest
        or (
            is_weekly
            and cutoff_on >= first_sold_on + {{ 7 * weeks_before_first_origin - 1 }}
        )

)

select * from forecast_origins
