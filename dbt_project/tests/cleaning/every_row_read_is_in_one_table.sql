{#- Conservation: finds loaded files of sales lines whose rows in the register are not those found
    among the accepted, duplicate, superseded and quarantined lines. -#}
{{ config(meta={'dagster': {'ref': {'name': 'loads'}}}) }}

with landing_files as (

    select * from {{ source('state', 'landing_files') }}

),

loads as (

    select * from {{ ref('loads') }}

),

lines as (

    select file_id
    from {{ ref('sales_events_decided') }}
    union all
    select file_id
    from {{ ref('sales_events_failed') }}

),

found as (

    select
        file_id,
        count(*) as found_rows
    from lines
    group by 1

)

select
    landing_files.source,
    landing_files.path,
    landing_files.row_count,
    coalesce(found.found_rows, 0) as found_rows
from landing_files
inner join loads on landing_files.file_id = loads.file_id
left join found on landing_files.file_id = found.file_id
where
    landing_files.entity = 'sales_events'
    and landing_files.row_count <> coalesce(found.found_rows, 0)
