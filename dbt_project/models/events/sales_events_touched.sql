{{ config(materialized='view') }}

with new_lines as (

    select
        {{ event_columns() }}
    from {{ ref('sales_events_checked') }}
    where reason_code is null

),

reopened_lines as (

    select
        {{ event_columns() }}
    from {{ ref('sales_events_reopened') }}

),

touched as (

    select * from new_lines
    union all
    select * from reopened_lines

)

select * from touched
