{{ by_origin() }}

{% set days = 140 %}

with series as (

    select * from {{ ref('series_to_build') }}

),

lifetimes as (

    select * from {{ ref('series_lifetimes') }}

),

known_sales as (

    select * from {{ ref('series_sales') }}

),

open_days as (

    select * from {{ ref('feat_open_days') }}

),

feat_series as (

    select * from {{ ref('feat_series') }}

),

planned_promotions as (

    select * from {{ ref('planned_promotions_as_known') }}

),

promoted_days as (

    select
        lifetimes.cutoff_on,
        lifetimes.series_number,
        sum(planned_promotions.share) as share,
        sum(
            case
                when open_days.day_on > lifetimes.cutoff_on - 28 then planned_promotions.share
                else 0
            end
        ) as share_28
    from lifetimes
    inner join planned_promotions
        on
            lifetimes.series_number = planned_promotions.series_number
            and lifetimes.first_sold_on <= planned_promotions.day_on
            and lifetimes.cutoff_on >= planned_promotions.day_on
            and lifetimes.cutoff_on < planned_promotions.day_on + {{ days }}
            and {{ feature_was_known('planned_promotions', 'lifetimes.cutoff_on') }}
    inner join open_days
        on
            lifetimes.cutoff_on = open_days.cutoff_on
            and lifetimes.store_id = open_days.store_id
            and planned_promotions.day_on = open_days.day_on
    where open_days.is_open
    group by lifetimes.cutoff_on, lifetimes.series_number

),

promoted_sales as (

    select
        known_sales.cutoff_on,
        known_sales.series_number,
        sum(known_sales.units * planned_promotions.share) as units
    from known_sales
    inner join planned_promotions
        on
            known_sales.series_number = planned_promotions.series_number
            and known_sales.sold_on = planned_promotions.day_on
            and {{ feature_was_known('planned_promotions', 'known_sales.cutoff_on') }}
    where known_sales.cutoff_on < known_sales.sold_on + {{ days }}
    group by known_sales.cutoff_on, known_sales.series_number

),

feat_promotion_history as (

    -- days weigh with the share that was promoted on them, and with the rest of it
    select
        ---------- ids
        series.series_number,
        series.product_id,
        series.store_id,

        ---------- features
        cast(
            {{ feature_ratio('coalesce(promoted_days.share_28, 0)', 'lifetimes.open_days_28') }}
            as float
        ) as f_promoted_share_28,
        cast(
            {{ feature_ratio('coalesce(promoted_days.share, 0)', 'lifetimes.open_days_140') }}
            as float
        ) as f_promoted_share_140,
        cast({{ feature_ratio('promoted_sales.units', 'promoted_days.share') }} as float)
            as f_promoted_mean_140,
        cast({{ feature_ratio(
            'feat_series.units_140 - coalesce(promoted_sales.units, 0)',
            'lifetimes.open_days_140 - coalesce(promoted_days.share, 0)'
        ) }} as float) as f_unpromoted_mean_140,

        ---------- dates
        series.cutoff_on
    from lifetimes
    inner join series
        on
            lifetimes.cutoff_on = series.cutoff_on
            and lifetimes.series_number = series.series_number
    inner join feat_series
        on
            lifetimes.cutoff_on = feat_series.cutoff_on
            and lifetimes.series_number = feat_series.series_number
    left join promoted_days
        on
            lifetimes.cutoff_on = promoted_days.cutoff_on
            and lifetimes.series_number = promoted_days.series_number
    left join promoted_sales
        on
            lifetimes.cutoff_on = promoted_sales.cutoff_on
            and lifetimes.series_number = promoted_sales.series_number

)

select * from feat_promotion_history
