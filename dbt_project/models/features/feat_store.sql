with series as (

    select * from {{ ref('feat_series') }}

),

weekdays as (

    select * from {{ ref('feat_weekday') }}

),

levels as (

    select
        cutoff_on,
        store_id,
        {{ feature_ratio('sum(units_28)', 'sum(open_days_28)') }} as mean_28,
        {{ feature_ratio('sum(units_140)', 'sum(open_days_140)') }} as mean_140
    from series
    group by cutoff_on, store_id

),

weekday_levels as (

    select
        cutoff_on,
        store_id,
        weekday,
        {{ feature_ratio('sum(units_20)', 'sum(open_days_20)') }} as mean_20
    from weekdays
    group by cutoff_on, store_id, weekday

),

feat_store as (

    select
        ---------- ids
        levels.store_id,

        ---------- numerics
        weekday_levels.weekday,

        ---------- features
        cast(levels.mean_28 as float) as f_store_mean_28,
        cast(levels.mean_28 / nullif(levels.mean_140, 0) as float) as f_store_trend,
        cast(weekday_levels.mean_20 / nullif(levels.mean_140, 0) as float) as f_store_weekday,

        ---------- dates
        levels.cutoff_on
    from levels
    inner join weekday_levels
        on
            levels.cutoff_on = weekday_levels.cutoff_on
            and levels.store_id = weekday_levels.store_id

)

select * from feat_store
