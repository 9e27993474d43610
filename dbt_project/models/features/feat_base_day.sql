{{ by_origin() }}

{#- Days from Easter within which a day is compared with the same one of earlier years. -#}
{% set easter_days = 60 %}
{#- An effect of this size in logs is taken for real on one or two days: carnival halves sales. -#}
{% set large_effect = 0.4 %}

with origins as (

    select * from {{ ref('origins_to_build') }}

),

series_editions as (

    select * from {{ ref('series_editions') }}

),

series_days as (

    select * from {{ ref('series_days') }}

),

special_days as (

    select * from {{ ref('special_days') }}

),

feat_base as (

    select * from {{ ref('feat_base') }}

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
        cast(extract(year from target_on) as bigint) as target_year,
        {{ feature_days_between(
            'easter_sunday(cast(extract(year from target_on) as bigint))', 'target_on'
        ) }} as days_from_easter
    from target_days

),

years as (

    select unnest(generate_series(1, 2)) as years_ago

),

days_around as (

    select cast(unnest(generate_series(-3, 3)) as integer) as day_offset

),

same_days as (

    -- the same weekday last year, and the same day around earlier Easters
    select
        cutoff_on,
        target_on,
        target_on - 364 as day_on,
        'last_year' as kind
    from targets
    union all
    select
        targets.cutoff_on,
        targets.target_on,
        easter_sunday(targets.target_year - years.years_ago)
        + cast(targets.days_from_easter as integer) as day_on,
        'easter' as kind
    from targets
    cross join years
    where targets.days_from_easter between -{{ easter_days }} and {{ easter_days }}

),

needed_days as (

    -- the mean of a week needs three days more on either side
    select
        cutoff_on,
        day_on
    from same_days
    union
    select
        same_days.cutoff_on,
        same_days.day_on + days_around.day_offset as day_on
    from same_days
    cross join days_around
    where same_days.kind = 'last_year'

),

ordinary_days as (

    select
        series_editions.cutoff_on,
        series_editions.series_number,
        series_editions.product_id,
        series_days.day_on,
        series_days.weekday,
        series_days.log_units,
        series_days.is_promoted
    from series_editions
    inner join needed_days on series_editions.cutoff_on = needed_days.cutoff_on
    inner join series_days
        on
            series_editions.edition_number = series_days.edition_number
            and needed_days.day_on = series_days.day_on
    where
        series_days.log_units is not null
        and not series_days.is_special

),

ordinary_residuals as (

    select
        ordinary_days.*,
        cast(
            ordinary_days.log_units - case
                when ordinary_days.is_promoted then feat_base.promoted_log_base
                else feat_base.unpromoted_log_base
            end as decimal(18, 8)
        ) as residual
    from ordinary_days
    inner join feat_base
        on
            ordinary_days.cutoff_on = feat_base.cutoff_on
            and ordinary_days.series_number = feat_base.series_number
            and ordinary_days.weekday = feat_base.weekday

),

special_sales as (

    select
        edition_number,
        day_on,
        weekday,
        log_units,
        is_promoted
    from series_days
    where
        is_special
        and log_units is not null

),

special_residuals as (

    select
        series_editions.cutoff_on,
        series_editions.series_number,
        cast(
            special_sales.log_units - case
                when special_sales.is_promoted then feat_base.promoted_log_base
                else feat_base.unpromoted_log_base
            end as decimal(18, 8)
        ) as residual
    from series_editions
    inner join special_sales
        on
            series_editions.edition_number = special_sales.edition_number
            and series_editions.cutoff_on >= special_sales.day_on
    inner join feat_base
        on
            series_editions.cutoff_on = feat_base.cutoff_on
            and series_editions.series_number = feat_base.series_number
            and special_sales.weekday = feat_base.weekday

),

product_days as (

    select
        cutoff_on,
        product_id,
        day_on,
        sum(residual) as residual,
        count(*) as series,
        {{ feature_ratio('sum(residual)', 'count(*)') }} as mean_residual
    from ordinary_residuals
    group by cutoff_on, product_id, day_on

),

product_weeks as (

    select
        *,
        {{ feature_ratio('sum(residual) over around', 'sum(series) over around') }}
            as week_residual
    from product_days
    window
        around as (
            partition by cutoff_on, product_id
            order by day_on
            range between interval 3 days preceding and interval 3 days following
        )

),

special_effects as (

    -- half an observation without an effect, since most stores have seen but a few such days
    select
        cutoff_on,
        series_number,
        cast(sum(residual) as double) / (0.5 + count(*)) as effect
    from special_residuals
    group by cutoff_on, series_number

),

special_targets as (

    select
        series_editions.cutoff_on,
        series_editions.series_number,
        targets.target_on,
        special_effects.effect
    from series_editions
    inner join targets on series_editions.cutoff_on = targets.cutoff_on
    inner join special_days
        on
            series_editions.store_id = special_days.store_id
            and targets.target_on = special_days.day_on
            and series_editions.cutoff_on >= special_days.known_on
    inner join special_effects
        on
            series_editions.cutoff_on = special_effects.cutoff_on
            and series_editions.series_number = special_effects.series_number

),

same_day_residuals as (

    select
        same_days.cutoff_on,
        same_days.target_on,
        same_days.kind,
        own.series_number,
        own.residual,
        own.residual - product_weeks.mean_residual as own_residual,
        product_weeks.mean_residual as product_residual,
        product_weeks.week_residual as product_week_residual
    from same_days
    inner join ordinary_residuals as own
        on
            same_days.cutoff_on = own.cutoff_on
            and same_days.day_on = own.day_on
    inner join product_weeks
        on
            own.cutoff_on = product_weeks.cutoff_on
            and own.product_id = product_weeks.product_id
            and own.day_on = product_weeks.day_on

),

same_day_effects as (

    -- of one row for last year, and up to two for Easter
    select
        cutoff_on,
        series_number,
        target_on,
        max(case when kind = 'last_year' then residual end) as last_year,
        max(case when kind = 'last_year' then product_residual end) as product_last_year_day,
        max(case when kind = 'last_year' then product_week_residual end) as product_last_year,
        cast(sum(case when kind = 'easter' then cast(own_residual as decimal(18, 8)) end) as double)
        / (0.5 + count(case when kind = 'easter' then 1 end)) as easter,
        {{ feature_ratio(
            "sum(case when kind = 'easter' then cast(product_residual as decimal(18, 8)) end)",
            "count(case when kind = 'easter' then 1 end)"
        ) }} as product_easter
    from same_day_residuals
    group by cutoff_on, series_number, target_on

),

feat_base_day as (

    select
        ---------- ids
        coalesce(same_day_effects.series_number, special_targets.series_number) as series_number,

        ---------- numerics
        coalesce(special_targets.effect, 0) + case
            when
                special_targets.effect is null
                and abs(same_day_effects.easter) > {{ large_effect }}
                then same_day_effects.easter
            else 0
        end as log_effect,

        ---------- features
        cast(special_targets.effect as float) as f_residual_special,
        cast(same_day_effects.easter as float) as f_residual_easter,
        cast(same_day_effects.product_easter as float) as f_residual_product_easter,
        cast(same_day_effects.last_year as float) as f_residual_last_year,
        cast(same_day_effects.product_last_year as float) as f_residual_product_last_year,
        cast(same_day_effects.product_last_year_day as float) as f_residual_product_last_year_day,

        ---------- dates
        coalesce(same_day_effects.cutoff_on, special_targets.cutoff_on) as cutoff_on,
        coalesce(same_day_effects.target_on, special_targets.target_on) as target_on
    from same_day_effects
    full join special_targets
        on
            same_day_effects.cutoff_on = special_targets.cutoff_on
            and same_day_effects.series_number = special_targets.series_number
            and same_day_effects.target_on = special_targets.target_on

)

select * from feat_base_day
