{{ by_origin() }}

{#- Days over which residuals are averaged; the base itself is of the last of them. -#}
{% set windows = [28, 84, 364] %}
{#- Observations that the expectation of series and product together counts as. -#}
{% set shrinkage = 4 %}

with series_editions as (

    select * from {{ ref('series_editions') }}

),

series_days as (

    select * from {{ ref('series_days') }}

),

days_of_a_week as (

    select cast(unnest(generate_series(0, 6)) as integer) as days_before

),

weekdays as (

    select
        series_editions.*,
        series_editions.cutoff_on - days_of_a_week.days_before as last_day
    from series_editions
    cross join days_of_a_week

),

{%- for kind in ['promoted', 'unpromoted'] %}

{{ kind }}_cells as (

    select
        weekdays.cutoff_on,
        weekdays.series_number,
        weekdays.product_id,
        last_days.weekday,
        {%- for window in windows %}
        {%- for column in ['log_days', 'log_units'] %}
        last_days.{{ kind }}_{{ column }} - coalesce(before_{{ window }}.{{ kind }}_{{ column }}, 0)
            as {{ column }}_{{ window }},
        {%- endfor %}
        {%- endfor %}
        {{ 'true' if kind == 'promoted' else 'false' }} as is_promoted
    from weekdays
    inner join series_days as last_days
        on
            weekdays.edition_number = last_days.edition_number
            and weekdays.last_day = last_days.day_on
    {%- for window in windows %}
    left join series_days as before_{{ window }}
        on
            weekdays.edition_number = before_{{ window }}.edition_number
            and weekdays.last_day - {{ window }} = before_{{ window }}.day_on
    {%- endfor %}

),
{%- endfor %}

cells as (

    select * from promoted_cells
    union all
    select * from unpromoted_cells

),

series_means as (

    select
        cutoff_on,
        series_number,
        {{ feature_ratio('sum(log_units_364)', 'sum(log_days_364)') }} as log_mean
    from cells
    group by cutoff_on, series_number

),

product_effects as (

    -- how far a weekday with or without a promotion is from the mean of its series
    select
        cells.cutoff_on,
        cells.product_id,
        cells.weekday,
        cells.is_promoted,
        {{ feature_ratio(
            'sum(cast(
                cells.log_units_364 - cells.log_days_364 * series_means.log_mean as decimal(38, 8)
            ))',
            'sum(cells.log_days_364)'
        ) }} as effect
    from cells
    inner join series_means
        on
            cells.cutoff_on = series_means.cutoff_on
            and cells.series_number = series_means.series_number
    group by cells.cutoff_on, cells.product_id, cells.weekday, cells.is_promoted

),

cells_with_effects as (

    select
        cells.*,
        coalesce(product_effects.effect, 0) as effect
    from cells
    inner join product_effects
        on
            cells.cutoff_on = product_effects.cutoff_on
            and cells.product_id = product_effects.product_id
            and cells.weekday = product_effects.weekday
            and cells.is_promoted = product_effects.is_promoted

),

levels as (

    select
        cutoff_on,
        series_number,
        {{ feature_ratio(
            'sum(cast(log_units_364 - log_days_364 * effect as decimal(38, 8)))',
            'sum(log_days_364)'
        ) }} as level
    from cells_with_effects
    group by cutoff_on, series_number

),

bases as (

    select
        cells_with_effects.*,
        levels.level,
        (
            cells_with_effects.log_units_364
            + {{ shrinkage }} * (levels.level + cells_with_effects.effect)
        ) / (cells_with_effects.log_days_364 + {{ shrinkage }}) as log_base
    from cells_with_effects
    inner join levels
        on
            cells_with_effects.cutoff_on = levels.cutoff_on
            and cells_with_effects.series_number = levels.series_number

),

residuals as (

    select
        *,
        cast(log_units_28 - log_days_28 * log_base as decimal(38, 8)) as residual_28,
        cast(log_units_84 - log_days_84 * log_base as decimal(38, 8)) as residual_84
    from bases

),

series_residuals as (

    select
        cutoff_on,
        series_number,
        product_id,
        {%- for window in windows[:-1] %}
        sum(residual_{{ window }}) as residual_{{ window }},
        sum(log_days_{{ window }}) as log_days_{{ window }},
        {%- endfor %}
        sum(case when is_promoted then residual_84 end) as promoted_residual_84,
        sum(case when is_promoted then log_days_84 end) as promoted_log_days_84,
        sum(case when not is_promoted then residual_84 end) as unpromoted_residual_84,
        sum(case when not is_promoted then log_days_84 end) as unpromoted_log_days_84
    from residuals
    group by cutoff_on, series_number, product_id

),

product_residuals as (

    select
        cutoff_on,
        product_id,
        {{ feature_ratio('sum(residual_28)', 'sum(log_days_28)') }} as residual_28,
        {{ feature_ratio('sum(residual_84)', 'sum(log_days_84)') }} as residual_84
    from series_residuals
    group by cutoff_on, product_id

),

weekday_bases as (

    select
        cutoff_on,
        series_number,
        weekday,
        max(case when is_promoted then log_base end) as promoted_log_base,
        max(case when not is_promoted then log_base end) as unpromoted_log_base,
        sum(residual_84) as residual_84,
        sum(log_days_84) as log_days_84,
        {{ feature_ratio(
            'max(case when is_promoted then log_days_364 end)', 'sum(log_days_364)'
        ) }} as promoted_share
    from residuals
    group by cutoff_on, series_number, weekday

),

feat_base as (

    select
        ---------- ids
        series_residuals.series_number,
        series_residuals.product_id,

        ---------- numerics
        weekday_bases.weekday,
        weekday_bases.promoted_log_base,
        weekday_bases.unpromoted_log_base,
        coalesce(
            weekday_bases.promoted_share * weekday_bases.promoted_log_base
            + (1 - weekday_bases.promoted_share) * weekday_bases.unpromoted_log_base,
            weekday_bases.unpromoted_log_base
        ) as mixed_log_base,

        ---------- features
        cast(weekday_bases.promoted_log_base - weekday_bases.unpromoted_log_base as float)
            as f_promo_uplift,
        {%- for window in windows[:-1] %}
        cast(coalesce(
            {{ feature_ratio(
                'series_residuals.residual_' ~ window, 'series_residuals.log_days_' ~ window
            ) }} - product_residuals.residual_{{ window }}, 0
        ) as float) as f_residual_{{ window }},
        cast(product_residuals.residual_{{ window }} as float) as f_residual_product_{{ window }},
        {%- endfor %}
        cast(
            cast(weekday_bases.residual_84 as double) / (weekday_bases.log_days_84 + 2) as float
        ) as f_residual_weekday,
        {%- for kind in ['promoted', 'unpromoted'] %}
        cast(
            cast(series_residuals.{{ kind }}_residual_84 as double)
            / (series_residuals.{{ kind }}_log_days_84 + 2) as float
        ) as f_residual_{{ kind }},
        {%- endfor %}

        ---------- dates
        series_residuals.cutoff_on
    from weekday_bases
    inner join series_residuals
        on
            weekday_bases.cutoff_on = series_residuals.cutoff_on
            and weekday_bases.series_number = series_residuals.series_number
    inner join product_residuals
        on
            series_residuals.cutoff_on = product_residuals.cutoff_on
            and series_residuals.product_id = product_residuals.product_id

)

select * from feat_base
