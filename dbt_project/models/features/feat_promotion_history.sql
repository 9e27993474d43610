with series as (

    select * from {{ ref('forecast_series') }}

),

known_sales as (

    select * from {{ ref('series_sales') }}

),

open_days as (

    select * from {{ ref('feat_open_days') }}

),

planned_promotions as (

    select * from {{ ref('planned_promotions_as_known') }}

),

promoted_days as (

    select
        series.cutoff_on,
        series.series_number,
        planned_promotions.day_on,
        planned_promotions.share
    from series
    inner join planned_promotions
        on
            series.series_number = planned_promotions.series_number
            and series.cutoff_on >= planned_promotions.day_on
            and series.cutoff_on < planned_promotions.day_on + 140
            and {{ feature_was_known('planned_promotions', 'series.cutoff_on') }}
    inner join open_days
        on
            series.cutoff_on = open_days.cutoff_on
            and series.store_id = open_days.store_id
            and planned_promotions.day_on = open_days.day_on
    where open_days.is_open

),

sums as (

    select
        promoted_days.cutoff_on,
        promoted_days.series_number,
        sum(promoted_days.share) as share,
        sum(
            case
                when promoted_days.day_on > promoted_days.cutoff_on - 28 then promoted_days.share
            end
        ) as share_28,
        sum(promoted_days.share * coalesce(known_sales.units, 0)) as promoted_units
    from promoted_days
    left join known_sales
        on
            promoted_days.cutoff_on = known_sales.cutoff_on
            and promoted_days.series_number = known_sales.series_number
            and promoted_days.day_on = known_sales.sold_on
    group by promoted_days.cutoff_on, promoted_days.series_number

)

select * from sums
