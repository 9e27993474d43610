with items as (

    select * from {{ landed('complete_journey', 'products') }}

),

departments as (

    select
        coalesce(product_category, 'UNCATEGORISED') as category,
        department,
        known_on,
        count(*) as items
    from items
    group by 1, 2, 3

),

largest_departments as (

    -- a category spread over departments belongs to the one with most of its items
    select
        *,
        row_number() over (
            partition by category, known_on
            order by items desc, department asc
        ) as position
    from departments

),

categories as (

    select
        category as product_id,
        category as product_name,
        category,
        department,
        known_on
    from largest_departments
    where position = 1

)

select * from categories
