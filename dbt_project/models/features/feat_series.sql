{{ by_origin() }}

{% set windows = feature_windows() %}

with series as (

    select * from {{ ref('series_to_build') }}

),

lifetimes as (

    select * from {{ ref('series_lifetimes') }}

),

sums as (

    select * from {{ ref('series_sums') }}

),

windowed as (

    select
        cutoff_on,
        series_number,
        {%- for window in windows %}
        sum(case when days <= {{ window }} then units else 0 end) as units_{{ window }},
        sum(case when days <= {{ window }} then sold_days else 0 end) as sold_days_{{ window }},
        {%- endfor %}
        {%- for window in [28, 140] %}
        sum(case when days <= {{ window }} then units_squared else 0 end)
            as units_squared_{{ window }},
        sum(case when days <= {{ window }} then priced_units end) as priced_units_{{ window }},
        sum(case when days <= {{ window }} then sold_revenue end) as sold_revenue_{{ window }},
        {%- endfor %}
        sum(units_squared) as units_squared_364,
        sum(units_times_previous) as units_times_previous_364,
        max(farthest_open_days) as farthest_open_days,
        max_by(farthest_units, farthest_open_days) as farthest_units,
        sum(last_units) as last_units
    from sums
    group by cutoff_on, series_number

),

measured as (

    select
        series.product_id,
        lifetimes.*,
        {%- for window in windows %}
        coalesce(windowed.units_{{ window }}, 0) as units_{{ window }},
        coalesce(windowed.sold_days_{{ window }}, 0) as sold_days_{{ window }},
        {%- endfor %}
        {%- for window in [28, 140] %}
        coalesce(windowed.units_squared_{{ window }}, 0) as units_squared_{{ window }},
        {{ feature_ratio(
            'windowed.sold_revenue_' ~ window, 'windowed.priced_units_' ~ window
        ) }} as unit_price_{{ window }},
        {%- endfor %}
        {{ feature_ratio('windowed.units_140', 'windowed.sold_days_140') }} as mean_sale_140,
        cast(coalesce(windowed.last_units, 0) as double) as naive_units,
        -- sum of (units - units of the open day before)^2, over the days that have one before
        2 * windowed.units_squared_364
        - case
            when windowed.farthest_open_days = lifetimes.open_days_364
                then windowed.farthest_units * windowed.farthest_units
            else 0
        end
        - coalesce(windowed.last_units * windowed.last_units, 0)
        - 2 * coalesce(windowed.units_times_previous_364, 0) as squared_changes_364
    from lifetimes
    inner join series
        on
            lifetimes.cutoff_on = series.cutoff_on
            and lifetimes.series_number = series.series_number
    left join windowed
        on
            lifetimes.cutoff_on = windowed.cutoff_on
            and lifetimes.series_number = windowed.series_number

),

feat_series as (

    select
        ---------- ids
        series_number,
        product_id,
        store_id,

        ---------- numerics
        units_28,
        units_140,
        open_days_28,
        open_days_140,
        {{ feature_ratio(
            'nullif(squared_changes_364, 0)', 'greatest(open_days_364 - 1, 0)'
        ) }} as rmsse_scale,
        naive_units,

        ---------- features
        {%- for window in windows %}
        cast({{ feature_ratio('units_' ~ window, 'open_days_' ~ window) }} as float)
            as f_mean_{{ window }},
        {%- endfor %}
        {%- for window in [28, 140, 364] %}
        cast({{ feature_ratio('sold_days_' ~ window, 'open_days_' ~ window) }} as float)
            as f_sold_share_{{ window }},
        {%- endfor %}
        {%- for window in [28, 140] %}
        cast(sqrt(greatest(
            {{ feature_ratio('units_squared_' ~ window, 'open_days_' ~ window) }}
            - pow({{ feature_ratio('units_' ~ window, 'open_days_' ~ window) }}, 2),
            0
        )) as float) as f_deviation_{{ window }},
        {%- endfor %}
        cast(
            {{ feature_ratio('units_28', 'open_days_28') }}
            / nullif({{ feature_ratio('units_140', 'open_days_140') }}, 0) as float
        ) as f_trend,
        cast({{ feature_ratio('open_days_140', 'sold_days_140') }} as float) as f_sale_interval,
        cast(
            {{ feature_ratio('units_squared_140', 'sold_days_140') }} / pow(mean_sale_140, 2) - 1
            as float
        ) as f_sale_variation,
        cast({{ feature_days_between('last_sold_on', 'cutoff_on') }} as integer)
            as f_days_since_last_sale,
        cast({{ feature_days_between('first_sold_on', 'cutoff_on') }} as integer) as f_age_days,
        cast(unit_price_28 as float) as f_price_28,
        cast(unit_price_140 as float) as f_price_140,
        cast(unit_price_28 / nullif(unit_price_140, 0) as float) as f_price_ratio,

        ---------- dates
        cutoff_on
    from measured

)

select * from feat_series
