{#- Point in time: finds days whose sales as they were known at an earlier day, told by the changes,
    are not those of the lines that counted then. Looks at three earlier days. -#}
{{ config(meta={'dagster': {'ref': {'name': 'daily_sales_changes'}}}) }}

with decided as (

    select decided.*
    from {{ ref('sales_events_decided') }} as decided
    inner join {{ ref('declared_sources') }} as deployed on decided.source = deployed.source
    where
        decided.is_demand
        and decided.disposition in ('accepted', 'superseded')

),

changes as (

    select * from {{ ref('daily_sales_changes') }}

),

known_days as (

    select
        known_on,
        ntile(4) over (order by known_on) as part_number
    from changes
    group by 1

),

seen_on as (

    select
        part_number,
        max(known_on) as seen_on
    from known_days
    where part_number < 4
    group by 1

),

from_changes as (

    select
        seen_on.seen_on,
        changes.sold_on,
        sum(changes.units_sold) as units_sold,
        sum(changes.units_returned) as units_returned,
        sum(changes.lines) as lines
    from changes
    inner join seen_on on changes.known_on <= seen_on.seen_on
    group by 1, 2

),

from_lines as (

    select
        seen_on.seen_on,
        decided.sold_on,
        sum(greatest(decided.quantity, 0)) as units_sold,
        sum(greatest(-decided.quantity, 0)) as units_returned,
        count(*) as lines
    from decided
    inner join seen_on
        on
            decided.known_on <= seen_on.seen_on
            and seen_on.seen_on < coalesce(decided.superseded_on, date '9999-12-31')
    group by 1, 2

)

select
    coalesce(from_changes.seen_on, from_lines.seen_on) as seen_on,
    coalesce(from_changes.sold_on, from_lines.sold_on) as sold_on,
    from_changes.units_sold as units_told_by_changes,
    from_lines.units_sold as units_that_counted
from from_changes
full outer join from_lines
    on
        from_changes.seen_on = from_lines.seen_on
        and from_changes.sold_on = from_lines.sold_on
where
    coalesce(from_changes.units_sold, 0) <> coalesce(from_lines.units_sold, 0)
    or coalesce(from_changes.units_returned, 0) <> coalesce(from_lines.units_returned, 0)
    or coalesce(from_changes.lines, 0) <> coalesce(from_lines.lines, 0)
