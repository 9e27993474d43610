{{ config(
    materialized='incremental',
    unique_key='file_id',
    incremental_strategy='delete+insert',
    on_schema_change='fail',
) }}

-- depends_on: {{ ref('sales_by_day') }}
-- depends_on: {{ ref('store_days') }}
-- depends_on: {{ ref('sales_as_known') }}

with files_to_load as (

    select * from {{ ref('files_to_load') }}

),

landing_files as (

    select * from {{ source('state', 'landing_files') }}

),

reopened_lines as (

    select * from {{ ref('sales_events_reopened') }}

),

new_files as (

    select file_id
    from files_to_load
    where is_new
    union all
    -- files of earlier loads whose lines were decided again
    select distinct file_id
    from reopened_lines

),

files as (

    select distinct landing_files.*
    from landing_files
    inner join new_files on landing_files.file_id = new_files.file_id

),

decided as (

    select lines.*
    from {{ ref('sales_events_decided') }} as lines
    semi join files on lines.file_id = files.file_id

),

failed as (

    select lines.*
    from {{ ref('sales_events_failed') }} as lines
    semi join files on lines.file_id = files.file_id

),

decided_rows as (

    select
        file_id,
        count(*) filter (where disposition = 'accepted') as rows_accepted,
        count(*) filter (where disposition = 'duplicate') as rows_duplicate,
        count(*) filter (where disposition = 'superseded') as rows_superseded,
        count(*) filter (where disposition = 'conflicting') as rows_conflicting
    from decided
    group by 1

),

failed_rows as (

    select
        file_id,
        count(*) as rows_failed
    from failed
    group by 1

),

loads as (

    select
        ---------- ids
        files.file_id,
        files.source,
        files.entity,

        ---------- text
        files.path,
        loading_revision() as code,

        ---------- numerics: what became of the rows is counted for sales lines only
        files.row_count as rows_read,
        {% for counted in ['accepted', 'duplicate', 'superseded'] -%}
        case
            when files.entity = 'sales_events'
                then coalesce(decided_rows.rows_{{ counted }}, 0)
        end as rows_{{ counted }},
        {% endfor -%}
        case
            when files.entity = 'sales_events'
                then
                    coalesce(decided_rows.rows_conflicting, 0)
                    + coalesce(failed_rows.rows_failed, 0)
        end as rows_quarantined,

        ---------- timestamps
        files.business_on as known_on,
        cast('{{ run_started_at }}' as timestamp with time zone) as loaded_at
    from files
    left join decided_rows on files.file_id = decided_rows.file_id
    left join failed_rows on files.file_id = failed_rows.file_id

)

select * from loads
