{{ by_origin() }}

with series_windows as (

    select * from {{ ref('series_windows') }}

),

feat_promotion_history as (

    -- days weigh with the share that was promoted on them, and with the rest of it
    select
        ---------- ids
        series_number,
        product_id,
        store_id,

        ---------- features
        cast({{ feature_ratio('promoted_share_28', 'open_days_28') }} as float)
            as f_promoted_share_28,
        cast({{ feature_ratio('promoted_share_140', 'open_days_140') }} as float)
            as f_promoted_share_140,
        cast({{ feature_ratio('promoted_units_140', 'promoted_share_140') }} as float)
            as f_promoted_mean_140,
        cast({{ feature_ratio(
            'units_140 - promoted_units_140', 'open_days_140 - promoted_share_140'
        ) }} as float) as f_unpromoted_mean_140,

        ---------- dates
        cutoff_on
    from series_windows

)

select * from feat_promotion_history
