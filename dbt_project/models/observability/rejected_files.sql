with landing_files as (

    select * from {{ source('state', 'landing_files') }}

),

rejected as (

    select
        file_id,
        source,
        entity,
        path,
        size_bytes,
        reason,
        first_seen_at
    from landing_files
    where status = 'rejected'

)

select * from rejected
