{%- set decided = adapter.get_relation(this.database, this.schema, 'sales_events_decided') -%}

with new_lines as (

    select * from {{ ref('sales_events_checked') }}
    where reason_code is null

),

files_to_load as (

    select * from {{ ref('files_to_load') }}

),

earlier_lines as (

    {% if decided is none -%}
    -- nothing was decided before
    select
        {{ event_columns() }}
    from new_lines
    where false
    {%- else -%}
    select
        {{ event_columns() }}
    from {{ decided }}
    where file_id not in (select file_id from files_to_load)
    {%- endif %}

),

reopened as (

    select * from earlier_lines
    where
        (source, event_id) in (select source, event_id from new_lines)
        or (source, restated_day) in (
            select
                source,
                restated_day
            from new_lines
            where restated_day is not null
        )

)

select * from reopened
