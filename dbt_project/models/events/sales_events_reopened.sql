{%- set decided = adapter.get_relation(this.database, this.schema, 'sales_events_decided') -%}

with new_lines as (

    select * from {{ ref('sales_events_checked') }}
    where reason_code is null

),

files_to_load as (

    select * from {{ ref('files_to_load') }}

),

new_events as (

    select distinct
        source,
        event_id
    from new_lines

),

new_restated_days as (

    select distinct
        source,
        restated_day
    from new_lines
    where restated_day is not null

),

earlier_lines as (

    {% if decided is none -%}
    -- nothing was decided before
    select * from new_lines
    where false
    {%- else -%}
    select decided.*
    from {{ decided }} as decided
    anti join files_to_load on decided.file_id = files_to_load.file_id
    {%- endif %}

),

reopened as (

    select
        {{ event_columns('earlier_lines') }}
    from earlier_lines
    left join new_events
        on
            earlier_lines.source = new_events.source
            and earlier_lines.event_id = new_events.event_id
    left join new_restated_days
        on
            earlier_lines.source = new_restated_days.source
            and earlier_lines.restated_day = new_restated_days.restated_day
    where
        new_events.event_id is not null
        or new_restated_days.restated_day is not null

)

select * from reopened
