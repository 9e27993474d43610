with store_days as (

    select * from {{ ref('store_days') }}

),

store_calendar as (

    select * from {{ ref('store_calendar') }}

),

rules as (

    select * from {{ ref('declared_sources') }}

),

first_words as (

    select
        source,
        store_id,
        sold_on,
        min(known_on) as known_on
    from store_days
    group by 1, 2, 3

),

source_days as (

    select
        source,
        sold_on,
        min(known_on) as known_on
    from store_days
    group by 1, 2

),

last_days as (

    select
        source,
        max(sold_on) as last_day
    from source_days
    group by 1

),

store_spans as (

    select
        first_words.source,
        first_words.store_id,
        rules.open_days,
        min(first_words.sold_on) as first_day,
        max(last_days.last_day) as last_day
    from first_words
    inner join rules on first_words.source = rules.source
    inner join last_days on first_words.source = last_days.source
    where rules.open_days <> 'sales'
    group by 1, 2, 3

),

spanned_days as (

    {{ days_between(
        'store_spans', ['source', 'store_id', 'open_days'], 'first_day', 'last_day', 'day_on'
    ) }}

),

known_stores as (

    -- A rule speaks of a day once a line of the store of that day or an earlier one is known, and
    -- one of the source of that day or a later one. Superseded or not: a rule that was in force
    -- stays so.
    select
        spanned_days.source,
        spanned_days.store_id,
        spanned_days.open_days,
        spanned_days.day_on,
        greatest(
            min(first_words.known_on) over (
                partition by spanned_days.source, spanned_days.store_id
                order by spanned_days.day_on
                rows between unbounded preceding and current row
            ),
            min(source_days.known_on) over (
                partition by spanned_days.source, spanned_days.store_id
                order by spanned_days.day_on
                rows between current row and unbounded following
            )
        ) as known_on
    from spanned_days
    left join first_words
        on
            spanned_days.source = first_words.source
            and spanned_days.store_id = first_words.store_id
            and spanned_days.day_on = first_words.sold_on
    left join source_days
        on
            spanned_days.source = source_days.source
            and spanned_days.day_on = source_days.sold_on

),

calendar_says as (

    {{ of_each_store('store_spans', 'store_calendar', ['day_on', 'is_open', 'known_on']) }}

),

declared_open as (

    select
        store_id,
        day_on,
        known_on
    from known_stores
    where open_days = 'every_day'
    union all
    select
        known_stores.store_id,
        known_stores.day_on,
        greatest(known_stores.known_on, calendar_says.known_on) as known_on
    from known_stores
    inner join calendar_says
        on
            known_stores.source = calendar_says.source
            and known_stores.store_id = calendar_says.store_id
            and known_stores.day_on = calendar_says.day_on
    where
        known_stores.open_days = 'calendar'
        and calendar_says.is_open

),

changes as (

    -- a store that has lines on a day is open as long as it has, whatever the rule says
    select
        store_id,
        sold_on as day_on,
        known_on as changed_on,
        1 as difference
    from store_days
    union all
    select
        store_id,
        sold_on as day_on,
        known_until as changed_on,
        -1 as difference
    from store_days
    where known_until < date '9999-12-31'
    union all
    select
        store_id,
        day_on,
        known_on as changed_on,
        1 as difference
    from declared_open

),

open_days as (

    {{ known_spans('changes', ['store_id', 'day_on']) }}

)

select * from open_days
