with promotions as (

    select * from {{ ref('promotions') }}

),

plans as (

    select
        source,
        starts_on,
        ends_on,
        min(known_on) as known_on
    from promotions
    group by source, starts_on, ends_on

),

planned_days as (

    {{ days_between('plans', ['source', 'known_on'], 'starts_on', 'ends_on', 'day_on') }}

),

promotion_plans_covered as (

    select
        source,
        day_on,
        min(known_on) as known_on
    from planned_days
    group by source, day_on

)

select * from promotion_plans_covered
