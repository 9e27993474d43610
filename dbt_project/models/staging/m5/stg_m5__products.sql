with departments as (

    select * from {{ landed('m5', 'products') }}

),

renamed as (

    select
        dept_id as product_id,
        dept_id as product_name,
        dept_id as category,
        cat_id as department,
        known_on
    from departments

)

select * from renamed
