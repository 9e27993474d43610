with series as (

    select * from {{ ref('series_to_build') }}

),

open_days as (

    select * from {{ ref('open_days') }}

),

stores as (

    select distinct
        cutoff_on,
        store_id,
        cutoff_on - 391 as first_day
    from series
    where is_in_scope

),

store_days as (

    {{ days_between('stores', ['cutoff_on', 'store_id'], 'first_day', 'cutoff_on', 'day_on') }}

),

known_days as (

    select
        store_days.*,
        {{ feature_weekday('store_days.day_on') }} as weekday,
        open_days.day_on is not null as is_open
    from store_days
    left join open_days
        on
            store_days.store_id = open_days.store_id
            and store_days.day_on = open_days.day_on
            and store_days.cutoff_on >= open_days.known_on
            and store_days.cutoff_on < open_days.known_until

),

feat_open_days as (

    select
        ---------- ids
        store_id,

        ---------- numerics
        weekday,
        cast(sum(cast(is_open as integer)) over (
            partition by cutoff_on, store_id
            order by day_on desc
            rows between unbounded preceding and current row
        ) as integer) as open_days,
        cast(sum(cast(is_open as integer)) over (
            partition by cutoff_on, store_id, weekday
            order by day_on desc
            rows between unbounded preceding and current row
        ) as integer) as open_weekdays,

        ---------- booleans
        is_open,

        ---------- dates
        cutoff_on,
        day_on
    from known_days

)

select * from feat_open_days
