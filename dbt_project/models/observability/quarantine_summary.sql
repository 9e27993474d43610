with quarantined as (

    select * from {{ ref('sales_events_quarantined') }}

),

by_reason as (

    select
        source,
        reason_code,
        count(*) as lines,
        count(distinct file_id) as files,
        min(known_on) as first_known_on,
        max(known_on) as last_known_on
    from quarantined
    group by 1, 2

)

select * from by_reason
