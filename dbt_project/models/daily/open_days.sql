with store_days as (

    select * from {{ ref('store_days') }}

),

store_calendar as (

    select * from {{ ref('store_calendar') }}

),

rules as (

    select * from {{ ref('declared_sources') }}

),

last_days as (

    select
        source,
        max(sold_on) as last_day
    from store_days
    group by 1

),

store_spans as (

    select
        store_days.source,
        store_days.store_id,
        rules.open_days,
        min(store_days.sold_on) as first_day,
        max(last_days.last_day) as last_day
    from store_days
    inner join rules on store_days.source = rules.source
    inner join last_days on store_days.source = last_days.source
    where rules.open_days <> 'sales'
    group by 1, 2, 3

),

spanned_days as (

    {{ days_between(
        'store_spans', ['source', 'store_id', 'open_days'], 'first_day', 'last_day', 'day_on'
    ) }}

),

known_stores as (

    -- a store is known on a day once a line of that day or an earlier one is known
    select
        spanned_days.source,
        spanned_days.store_id,
        spanned_days.open_days,
        spanned_days.day_on,
        min(store_days.known_on) over (
            partition by spanned_days.source, spanned_days.store_id
            order by spanned_days.day_on
            rows between unbounded preceding and current row
        ) as store_known_on
    from spanned_days
    left join store_days
        on
            spanned_days.source = store_days.source
            and spanned_days.store_id = store_days.store_id
            and spanned_days.day_on = store_days.sold_on

),

declared_open as (

    select
        store_id,
        day_on,
        greatest(day_on, store_known_on) as known_on
    from known_stores
    where open_days = 'every_day'
    union all
    select
        known_stores.store_id,
        known_stores.day_on,
        greatest(
            known_stores.day_on, known_stores.store_known_on, store_calendar.known_on
        ) as known_on
    from known_stores
    inner join store_calendar
        on
            known_stores.source = store_calendar.source
            and known_stores.day_on = store_calendar.day_on
            and known_stores.store_id = coalesce(store_calendar.store_id, known_stores.store_id)
    where
        known_stores.open_days = 'calendar'
        and store_calendar.is_open

),

all_open as (

    -- a store that has lines on a day was open, whatever the rule says
    select
        store_id,
        sold_on as day_on,
        known_on
    from store_days
    union all
    select * from declared_open

),

open_days as (

    select
        store_id,
        day_on,
        min(known_on) as known_on
    from all_open
    group by 1, 2

)

select * from open_days
