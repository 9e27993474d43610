with landing_files as (

    select * from {{ source('state', 'landing_files') }}

),

named as (

    select
        source,
        entity,
        business_on,
        unnest(extra_columns) as column_name
    from landing_files
    where status = 'accepted'

),

undeclared as (

    select
        source,
        entity,
        column_name,
        count(*) as files,
        min(business_on) as first_business_on,
        max(business_on) as last_business_on
    from named
    group by 1, 2, 3

)

select * from undeclared
