with rows_of_sources as (

    select * from {{ ref('calendar_typed') }}

),

ranked as (

    -- the first word about a day is kept, so that a past cutoff always sees what it saw
    select
        *,
        row_number() over (
            partition by source, store_id, day_on
            order by known_on asc, is_open desc
        ) as position
    from rows_of_sources
    where day_on is not null and is_open is not null

),

first_words as (

    select
        source,
        store_id,
        day_on,
        is_open,
        known_on
    from ranked
    where position = 1

)

select * from first_words
