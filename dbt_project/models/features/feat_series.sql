{{ by_origin() }}

{% set windows = feature_windows() %}
{% set sold_windows = [28, 140, 364] %}

with series_windows as (

    select * from {{ ref('series_windows') }}

),

measured as (

    -- a store that was closed all of a window is as it was over the next longer one
    select
        *,
        {%- for window in windows %}
        coalesce(
            {%- for longer in windows if longer >= window %}
            {{ feature_ratio('units_' ~ longer, 'open_days_' ~ longer) }}{{ ',' if not loop.last }}
            {%- endfor %}
        ) as mean_{{ window }},
        {%- endfor %}
        {%- for window in sold_windows %}
        coalesce(
            {%- for longer in sold_windows if longer >= window %}
            {{ feature_ratio('sold_days_' ~ longer, 'open_days_' ~ longer) }}
            {{- ',' if not loop.last }}
            {%- endfor %}
        ) as sold_share_{{ window }},
        {%- endfor %}
        {%- for window in [28, 140] %}
        {{ feature_ratio('sold_revenue_' ~ window, 'priced_units_' ~ window) }}
            as unit_price_{{ window }},
        {%- endfor %}
        {%- for window in sold_windows %}
        {{ feature_ratio('units_squared_' ~ window, 'open_days_' ~ window) }}
        - pow({{ feature_ratio('units_' ~ window, 'open_days_' ~ window) }}, 2)
            as variance_{{ window }},
        {%- endfor %}
        -- of the half year, or of the whole one when the store was closed for half of it
        {%- for column in ['open_days', 'sold_days', 'units', 'units_squared'] %}
        case when open_days_140 > 0 then {{ column }}_140 else {{ column }}_364 end
            as sale_{{ column }},
        {%- endfor %}
        cast(coalesce(last_units, 0) as double) as naive_units
    from series_windows

),

feat_series as (

    select
        ---------- ids
        series_number,
        product_id,
        store_id,

        ---------- numerics
        {{ feature_ratio(
            'nullif(squared_changes_364, 0)', 'greatest(open_days_364 - 1, 0)'
        ) }} as rmsse_scale,
        naive_units,

        ---------- features
        {%- for window in windows %}
        cast(mean_{{ window }} as float) as f_mean_{{ window }},
        {%- endfor %}
        {%- for window in sold_windows %}
        cast(sold_share_{{ window }} as float) as f_sold_share_{{ window }},
        {%- endfor %}
        {%- for window in [28, 140] %}
        cast(sqrt(greatest(
            coalesce(
                {%- for longer in sold_windows if longer >= window %}
                variance_{{ longer }}{{ ',' if not loop.last }}
                {%- endfor %}
            ),
            0
        )) as float) as f_deviation_{{ window }},
        {%- endfor %}
        cast(mean_28 / nullif(mean_140, 0) as float) as f_trend,
        cast({{ feature_ratio('sale_open_days', 'sale_sold_days') }} as float) as f_sale_interval,
        cast(
            {{ feature_ratio('sale_units_squared', 'sale_sold_days') }}
            / pow({{ feature_ratio('sale_units', 'sale_sold_days') }}, 2) - 1 as float
        ) as f_sale_variation,
        cast(open_days_since_last_sale as integer) as f_days_since_last_sale,
        cast({{ feature_days_between('first_sold_on', 'cutoff_on') }} as integer) as f_age_days,
        cast(unit_price_28 as float) as f_price_28,
        cast(unit_price_140 as float) as f_price_140,
        cast(unit_price_28 / nullif(unit_price_140, 0) as float) as f_price_ratio,

        ---------- dates
        cutoff_on
    from measured

)

select * from feat_series
