{#- Weeks back in which the same weekday tells whether a store is usually open on it. -#}
{% set weeks_back = 4 %}

with origins as (

    select * from {{ ref('origins_to_build') }}

),

series as (

    select * from {{ ref('series_to_build') }}

),

store_calendar as (

    select * from {{ ref('store_calendar') }}

),

stores as (

    select distinct
        source,
        store_id
    from series
    where is_in_scope

),

span as (

    select
        min(cutoff_on) - {{ 4 * 7 + 7 * weeks_back }} as first_day,
        max(cutoff_on + horizon_days) as last_day
    from origins

),

said as (

    {{ of_each_store('stores', 'store_calendar', ['day_on', 'is_open', 'known_on']) }}

),

store_days as (

    -- what a store says of a day goes before what its chain says
    select
        said.source,
        said.store_id,
        said.day_on,
        max_by(cast(said.is_open as integer), said.is_own) as open_days,
        max(said.known_on) as known_on
    from said
    cross join span
    where said.day_on between span.first_day and span.last_day
    group by said.source, said.store_id, said.day_on

),

with_weeks as (

    select
        *,
        -- all that the days up to this one say is known from then on
        max(known_on) over (
            partition by source, store_id
            order by day_on
            rows between unbounded preceding and current row
        ) as known_through_on,
        sum(open_days) over (
            partition by source, store_id, {{ feature_weekday('day_on') }}
            order by day_on
            range between interval {{ 7 * weeks_back }} days preceding
            and interval 7 days preceding
        ) as same_weekdays_open
    from store_days

),

unusual as (

    -- closed on a weekday on which the store was open in half of the last weeks
    select
        *,
        case
            when open_days = 0 and same_weekdays_open >= {{ weeks_back / 2 }} then day_on
        end as closed_on
    from with_weeks

),

neighbours as (

    select
        source,
        store_id,
        day_on,
        known_through_on,
        max(closed_on) over (
            partition by source, store_id
            order by day_on
            rows between unbounded preceding and 1 preceding
        ) as last_closed_on,
        min(closed_on) over (
            partition by source, store_id
            order by day_on
            rows between 1 following and unbounded following
        ) as next_closed_on
    from unusual

),

feat_closed_days as (

    select
        ---------- ids
        neighbours.source,
        neighbours.store_id,

        ---------- features
        cast(least(
            {{ feature_days_between('neighbours.last_closed_on', 'neighbours.day_on') }}, 15
        ) as float) as f_days_since_closed,
        cast(
            {{ feature_days_between('neighbours.day_on', 'neighbours.next_closed_on') }} as float
        ) as f_days_to_closed,

        ---------- dates
        neighbours.day_on as target_on,
        neighbours.known_through_on as known_on,
        neighbours.next_closed_on,
        later.known_through_on as next_closed_known_on
    from neighbours
    left join neighbours as later
        on
            neighbours.source = later.source
            and neighbours.store_id = later.store_id
            and neighbours.next_closed_on = later.day_on

)

select * from feat_closed_days
