{#- Finds files whose counts in `loads` are not those of the tables now, corrections that came with
    later files included. -#}
{{ config(meta={'dagster': {'ref': {'name': 'loads'}}}) }}

with loads as (

    select * from {{ ref('loads') }}
    where entity = 'sales_events'

),

decided as (

    select
        file_id,
        count(*) filter (where disposition = 'accepted') as rows_accepted,
        count(*) filter (where disposition = 'duplicate') as rows_duplicate,
        count(*) filter (where disposition = 'superseded') as rows_superseded
    from {{ ref('sales_events_decided') }}
    group by 1

)

select
    loads.source,
    loads.path,
    loads.rows_accepted,
    loads.rows_duplicate,
    loads.rows_superseded,
    decided.rows_accepted as accepted_now,
    decided.rows_duplicate as duplicate_now,
    decided.rows_superseded as superseded_now
from loads
left join decided on loads.file_id = decided.file_id
where
    loads.rows_accepted <> coalesce(decided.rows_accepted, 0)
    or loads.rows_duplicate <> coalesce(decided.rows_duplicate, 0)
    or loads.rows_superseded <> coalesce(decided.rows_superseded, 0)
