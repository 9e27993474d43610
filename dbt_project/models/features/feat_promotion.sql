{{ by_origin() }}

with series as (

    select * from {{ ref('series_to_build') }}

),

origins as (

    select * from {{ ref('origins_to_build') }}

),

planned_promotions as (

    select * from {{ ref('planned_promotions_as_known') }}

),

feat_promotion as (

    select
        ---------- ids
        series.series_number,
        series.product_id,
        series.store_id,

        ---------- features
        cast(planned_promotions.share as float) as f_promo_plan_share,
        cast(planned_promotions.display_share as float) as f_promo_plan_display,
        cast(planned_promotions.mailer_share as float) as f_promo_plan_mailer,

        ---------- dates
        series.cutoff_on,
        planned_promotions.day_on as target_on
    from series
    inner join origins on series.cutoff_on = origins.cutoff_on
    inner join planned_promotions
        on
            series.series_number = planned_promotions.series_number
            and series.cutoff_on < planned_promotions.day_on
            and series.cutoff_on + origins.horizon_days >= planned_promotions.day_on
            and {{ feature_was_known('planned_promotions', 'series.cutoff_on') }}
    where series.is_in_scope

)

select * from feat_promotion
