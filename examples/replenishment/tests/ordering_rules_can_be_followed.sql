-- Rules no order can follow, twice the same rule, or none that fits everything.
select
    department,
    category,
    count(*) as row_count
from {{ ref('ordering_rules') }}
group by all
having
    count(*) > 1
    or bool_or(
        service_level not between 0.5 and 0.99
        or lead_days < 0
        or review_days < 1
        or pack_size <= 0
        or stock_days < 0
    )
union all
select
    '*' as department,
    '*' as category,
    0 as row_count
where not exists (
    select 1
    from {{ ref('ordering_rules') }}
    where department = '*' and category = '*'
)
