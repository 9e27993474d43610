with lines as (

    select * from {{ ref('sales_events_touched') }}

),

files as (

    select * from {{ source('state', 'landing_files') }}

),

repeated_events as (

    select
        source,
        event_id
    from lines
    group by 1, 2
    having count(*) > 1

),

restated_days as (

    select
        source,
        restated_day
    from lines
    where restated_day is not null
    group by 1, 2
    having min(file_id) <> max(file_id)

),

contested as (

    select
        lines.file_id,
        lines.row_number,
        lines.known_on,
        files.path,
        lines.source,
        lines.event_id,
        lines.restated_day,
        lines.corrections,
        {{ line_digest() }} as content
    from lines
    inner join files on lines.file_id = files.file_id
    left join repeated_events
        on
            lines.source = repeated_events.source
            and lines.event_id = repeated_events.event_id
    left join restated_days
        on
            lines.source = restated_days.source
            and lines.restated_day = restated_days.restated_day
    where
        repeated_events.event_id is not null
        or restated_days.restated_day is not null

),

statements as (

    -- the successive statements about an event: each line where a line may correct an earlier
    -- one, each file where a file restates its days, and a single one where nothing is corrected
    select
        *,
        case corrections
            when 'same_event_id'
                then row_number() over (
                    partition by source, event_id
                    order by known_on, path, row_number
                )
            when 'whole_day'
                then dense_rank() over (
                    partition by source, restated_day
                    order by known_on, path
                )
            else 1
        end as statement
    from contested

),

positioned as (

    select
        *,
        row_number() over (
            partition by source, event_id, statement
            order by known_on, path, row_number
        ) as position,
        first_value(content) over (
            partition by source, event_id, statement
            order by known_on, path, row_number
        ) as standing_content
    from statements

)

select * from positioned
