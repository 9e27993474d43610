{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook=[
        "{{ forget_files_to_load('sales_events') }}",
        "{{ forget_reopened_lines() }}",
    ],
) }}

with lines as (

    select * from {{ ref('sales_events_touched') }}

),

decisions as (

    select * from {{ ref('sales_event_decisions') }}

),

decided as (

    -- what nobody contests is accepted
    select
        {{ event_columns('lines') }},
        decisions.superseded_on,
        coalesce(decisions.disposition, 'accepted') as disposition,
        '{{ invocation_id }}' as load_id
    from lines
    left join decisions
        on
            lines.file_id = decisions.file_id
            and lines.row_number = decisions.row_number

)

select * from decided
