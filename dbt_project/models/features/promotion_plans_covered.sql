with promotions as (

    select * from {{ ref('promotions') }}

),

history as (

    select
        source,
        min(starts_on) as first_day,
        max(ends_on) as last_day
    from promotions
    group by source

),

days as (

    {{ days_between('history', ['source'], 'first_day', 'last_day', 'day_on') }}

),

plans as (

    select
        source,
        ends_on,
        min(known_on) as known_on
    from promotions
    group by source, ends_on

),

promotion_plans_covered as (

    -- plans that go on to a later day leave this one without a promotion where they name none
    select
        days.source,
        days.day_on,
        min(plans.known_on) as known_on
    from days
    inner join plans
        on
            days.source = plans.source
            and days.day_on <= plans.ends_on
    group by days.source, days.day_on

)

select * from promotion_plans_covered
