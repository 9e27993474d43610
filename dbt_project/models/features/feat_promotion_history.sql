{{ by_origin() }}

with series_windows as (

    select * from {{ ref('series_windows') }}

),

half_years as (

    -- or whole ones, when the store was closed for half of one
    select
        *,
        {%- for column in ['open_days', 'units', 'promoted_share'] %}
        case when open_days_140 > 0 then {{ column }}_140 else {{ column }}_364 end as {{ column }},
        {%- endfor %}
        case when open_days_140 > 0 then promoted_units_140 else promoted_units_364 end
            as promoted_units
    from series_windows

),

feat_promotion_history as (

    -- days weigh with the share that was promoted on them, and with the rest of it
    select
        ---------- ids
        series_number,
        product_id,
        store_id,

        ---------- features
        cast(coalesce(
            {{ feature_ratio('promoted_share_28', 'open_days_28') }},
            {{ feature_ratio('promoted_share_140', 'open_days_140') }},
            {{ feature_ratio('promoted_share_364', 'open_days_364') }}
        ) as float) as f_promoted_share_28,
        cast({{ feature_ratio('promoted_share', 'open_days') }} as float) as f_promoted_share_140,
        cast({{ feature_ratio('promoted_units', 'promoted_share') }} as float)
            as f_promoted_mean_140,
        cast({{ feature_ratio('units - promoted_units', 'open_days - promoted_share') }} as float)
            as f_unpromoted_mean_140,

        ---------- dates
        cutoff_on
    from half_years

)

select * from feat_promotion_history
