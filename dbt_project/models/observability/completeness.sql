with store_days as (

    -- as they are known now
    select * from {{ ref('store_days') }}
    where known_until = date '9999-12-31'

),

rules as (

    select * from {{ ref('declared_sources') }}

),

store_calendar as (

    select * from {{ ref('store_calendar') }}

),

landing_files as (

    select * from {{ source('state', 'landing_files') }}

),

files as (

    select
        source,
        business_on,
        count(*) as files
    from landing_files
    where
        entity = 'sales_events'
        and status = 'accepted'
    group by 1, 2

),

spans as (

    select
        source,
        min(sold_on) as first_day,
        max(sold_on) as last_day
    from store_days
    group by 1

),

each_day as (

    {{ days_between('spans', ['source', 'first_day'], 'first_day', 'last_day', 'day_on') }}

),

usual_stores as (

    -- a store is expected on a day when it had lines on that weekday in three of four weeks
    select
        store_days.source,
        store_days.store_id,
        {{ add_days('store_days.sold_on', '7 * weeks.weeks_ahead') }} as day_on
    from store_days
    cross join (values (1), (2), (3), (4)) as weeks (weeks_ahead)
    group by 1, 2, 3
    having count(*) >= 3

),

stores_expected as (

    select
        usual_stores.source,
        usual_stores.day_on,
        count(*) as stores_expected,
        count(store_days.store_id) as stores_expected_and_found
    from usual_stores
    left join store_days
        on
            usual_stores.source = store_days.source
            and usual_stores.store_id = store_days.store_id
            and usual_stores.day_on = store_days.sold_on
    group by 1, 2

),

stores_found as (

    select
        source,
        sold_on as day_on,
        count(*) as stores_found,
        sum(lines) as lines
    from store_days
    group by 1, 2

),

declared_closed as (

    select
        source,
        day_on
    from store_calendar
    group by 1, 2
    having not bool_or(is_open)

),

days as (

    select
        each_day.source,
        each_day.day_on,
        coalesce(files.files, 0) as files,
        coalesce(stores_expected.stores_expected, 0) as stores_expected,
        coalesce(stores_expected.stores_expected_and_found, 0) as stores_expected_and_found,
        coalesce(stores_found.stores_found, 0) as stores_found,
        coalesce(stores_found.lines, 0) as lines,
        case
            when rules.open_days = 'every_day' then true
            when rules.open_days = 'calendar' then declared_closed.day_on is null
            else coalesce(stores_expected.stores_expected, 0) > 0
        end as is_expected
    from each_day
    inner join rules on each_day.source = rules.source
    left join files
        on
            each_day.source = files.source
            and each_day.day_on = files.business_on
    left join stores_expected
        on
            each_day.source = stores_expected.source
            and each_day.day_on = stores_expected.day_on
    left join stores_found
        on
            each_day.source = stores_found.source
            and each_day.day_on = stores_found.day_on
    left join declared_closed
        on
            each_day.source = declared_closed.source
            and each_day.day_on = declared_closed.day_on

),

completeness as (

    select
        *,
        is_expected and lines = 0 as is_missing
    from days

)

select * from completeness
