with contested as (

    select * from {{ ref('sales_events_contested') }}

),

standing as (

    -- the first line of a statement stands for it
    select
        *,
        lag(statement) over (
            partition by source, event_id
            order by statement
        ) as previous_statement,
        lag(content) over (
            partition by source, event_id
            order by statement
        ) as previous_content
    from contested
    where position = 1

),

compared as (

    select
        *,
        coalesce(
            previous_content = content and previous_statement = statement - 1, false
        ) as is_repeated
    from standing

),

runs as (

    -- a run is a change and the statements after it that only repeat it
    select
        *,
        sum(case when is_repeated then 0 else 1 end) over (
            partition by source, event_id
            order by statement
        ) as run
    from compared

),

run_ends as (

    select
        source,
        event_id,
        run,
        max(statement) as last_statement
    from runs
    group by 1, 2, 3

),

statement_dates as (

    -- a statement is about one event, or about a whole day
    select
        source,
        coalesce(restated_day, event_id) as subject,
        statement,
        min(known_on) as known_on
    from contested
    group by 1, 2, 3

),

decided_runs as (

    -- a line stands until the next statement about its event, or its day, says otherwise
    select
        runs.file_id,
        runs.row_number,
        case
            when runs.is_repeated then 'duplicate'
            when replacements.known_on is not null then 'superseded'
            else 'accepted'
        end as disposition,
        case when not runs.is_repeated then replacements.known_on end as superseded_on
    from runs
    inner join run_ends
        on
            runs.source = run_ends.source
            and runs.event_id = run_ends.event_id
            and runs.run = run_ends.run
    left join statement_dates as replacements
        on
            runs.source = replacements.source
            and coalesce(runs.restated_day, runs.event_id) = replacements.subject
            and run_ends.last_statement + 1 = replacements.statement

),

decided_repeats as (

    -- within one statement, the same again is a duplicate and anything else is in conflict
    select
        file_id,
        row_number,
        case
            when content = standing_content then 'duplicate'
            else 'conflicting'
        end as disposition,
        cast(null as date) as superseded_on
    from contested
    where position > 1

),

decisions as (

    select * from decided_runs
    union all
    select * from decided_repeats

)

select * from decisions
